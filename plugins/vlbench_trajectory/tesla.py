"""TESLA carried over to pairs: trajectory matching with a gradient that leaves the indirect term out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlbench.matching import Form, PathDistiller, Settings, Task
from vlbench_trajectory.settings import paper_tesla, resolve

if TYPE_CHECKING:
    from vlbench_trajectory.options import PathOptions


class TESLA(PathDistiller):
    """``vldd`` with the gradient of Cui et al. (ICML 2023), the way that LoRS and RepBlend are trained.

    With G the sum of the inner steps' gradients g_i, step i gives the pairs

        2 (a (target - start) + a^2 G) . dg_i / |start - target|^2

    as if later gradients did not depend on the earlier steps. :func:`vlbench.matching.tesla` is that gradient, and
    :func:`vlbench.matching.match` the exact one at the same cost; this row shows what the difference is worth.
    """

    options: PathOptions

    def form(self) -> Form:
        """As ``vldd``'s."""
        form = super().form()
        return replace(form, captions="one", literal=True) if self.options.preset == "paper" else form

    def settings(self, task: Task) -> Settings:
        """As ``vldd``'s, with the other gradient."""
        return replace(resolve(self.options, task, paper_tesla), gradient="tesla")

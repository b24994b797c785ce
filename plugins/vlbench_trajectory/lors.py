"""LoRS: low-rank similarity mining (ICML 2024)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlbench.matching import Settings, Task
from vlbench_trajectory.settings import paper_lors, resolve
from vlbench_trajectory.soft import SoftTargets

if TYPE_CHECKING:
    from vlbench_trajectory.options import SoftOptions


class LoRS(SoftTargets):
    """Learn with the pairs how much each image matches the other texts.

    S = diag(w) + a / r L R^T, from w = 1, L ~ N(0, 1), R = 0, stands for the identity in the student's loss:

        wBCE = mean over S > 0.5, and mean over the rest, of BCE(sigmoid(similarity / tau), S), averaged
        extended InfoNCE = -1/2 sum_ij w_ij (log p(j | i) + log q(i | j)),  w = S / sum(S)

    and is learned by the same matching loss as the pixels. As released, experts minimise InfoNCE. Here targets count
    from 0 to 1, the dropout mask of an inner step stays the same when it is computed again, and N pairs are N pairs.
    """

    options: SoftOptions

    def settings(self, task: Task) -> Settings:
        """Ours, or those of its scripts."""
        return resolve(self.options, task, paper_lors)

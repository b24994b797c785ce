"""LoRS: low-rank similarity mining (ICML 2024)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlbench.matching import Form, PathDistiller, Settings, Task, batch_targets
from vlbench_trajectory.settings import paper_lors, resolve

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench import SeedTree
    from vlbench.students import Student
    from vlbench_trajectory.options import SoftOptions

PUBLISHED_SCALE = 3.0
"""The factor on the low-rank part in its script for 100 pairs of Flickr30k; 1 and 0.01 for 200 and 500."""


class LoRS(PathDistiller):
    """Learn with the pairs how much each image matches the other texts.

    S = diag(w) + a / r L R^T, from w = 1, L ~ N(0, 1), R = 0, stands for the identity in the student's loss:

        wBCE = mean over S > 0.5, and mean over the rest, of BCE(sigmoid(similarity / tau), S), averaged
        extended InfoNCE = -1/2 sum_ij w_ij (log p(j | i) + log q(i | j)),  w = S / sum(S)

    and is learned by the same matching loss as the pixels. As released, experts minimise InfoNCE. Here targets count
    from 0 to 1, the dropout mask of an inner step stays the same when it is computed again, and N pairs are N pairs.
    """

    options: SoftOptions

    def form(self) -> Form:
        """With targets; as published, raw variables from one caption."""
        return soft_form(self.options, super().form())

    def settings(self, task: Task) -> Settings:
        """Ours, or those of its scripts."""
        return resolve(self.options, task, paper_lors)

    def inner_loss(
        self, student: Student, tower_inputs: dict[str, Tensor], parameters: dict[str, Tensor], draw: SeedTree
    ) -> Tensor:
        """Against the learned targets of the batch."""
        del draw
        return soft_loss(self.options, student, tower_inputs, parameters)


def soft_form(options: SoftOptions, form: Form) -> Form:
    """The form with targets of the rank asked for; as published, raw variables from one caption."""
    form = replace(form, target_rank=options.target_rank)
    paper = {"captions": "one", "literal": True, "target_scale": PUBLISHED_SCALE}
    return replace(form, **paper) if options.preset == "paper" else form  # type: ignore[arg-type]


def soft_loss(
    options: SoftOptions, student: Student, tower_inputs: dict[str, Tensor], parameters: dict[str, Tensor]
) -> Tensor:
    """The loss that the options name, against the learned targets of a batch."""
    paper = options.preset == "paper"
    targets = batch_targets(tower_inputs, PUBLISHED_SCALE) if paper else batch_targets(tower_inputs)
    loss = options.loss or ("wbce" if paper else "info-nce")
    return student.loss(tower_inputs, parameters, targets=targets, objective=loss)

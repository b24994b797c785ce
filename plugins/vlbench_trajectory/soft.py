"""What LoRS, RepBlend and PTM-ST share: soft targets that are learned with the pairs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlbench.matching import Form, PathDistiller, batch_targets
from vlbench_trajectory.settings import LORS, script

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench import Budget, Context, DistilledPairs, SeedTree, TrainView
    from vlbench.students import Student
    from vlbench_trajectory.options import PhaseOptions, SoftOptions

RANK = 10


class SoftTargets(PathDistiller):
    """A path distiller with learned targets; under ``preset=paper`` in the form of LoRS's script for the budget."""

    options: SoftOptions | PhaseOptions
    script = LORS[100]
    objective: str | None = "info-nce"
    """What students minimise where no option and no preset says it; None: their own loss."""

    def condense(self, train: TrainView, budget: Budget, context: Context) -> DistilledPairs:
        """With the script of the nearest published budget; that for 100 pairs where the budget counts bytes."""
        if budget.unit == "pairs":
            self.script = script(budget.pairs)
        return super().condense(train, budget, context)

    def form(self) -> Form:
        """With targets; as published, raw variables from one caption."""
        given, form = self.options.target_rank, super().form()
        if self.options.preset != "paper":
            return replace(form, target_rank=RANK if given is None else given)
        rank = self.script.rank if given is None else given
        return replace(form, captions="one", literal=True, target_rank=rank, target_scale=self.script.scale)

    def inner_loss(
        self, student: Student, tower_inputs: dict[str, Tensor], parameters: dict[str, Tensor], draw: SeedTree
    ) -> Tensor:
        """Against the learned targets of the batch, by the loss that the options name; wBCE as published."""
        del draw
        loss = "wbce" if self.options.preset == "paper" else self.objective
        loss = getattr(self.options, "loss", None) or loss
        targets = batch_targets(tower_inputs, self.form().target_scale)
        return student.loss(tower_inputs, parameters, targets=targets, objective=loss)

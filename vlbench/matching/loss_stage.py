"""A stage whose loss is a function of the pairs' tower inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vlbench.matching.gradient import Inputs
from vlbench.matching.outer import Outer
from vlbench.matching.stage import Gradient, Stage, State
from vlbench.seeds import SeedTree

if TYPE_CHECKING:
    from vlbench.matching.learned import Learned
    from vlbench.students.student import Student

PairLoss = Callable[["Student", Inputs, SeedTree], Tensor]
"""Student, tower inputs of all pairs, seeds of the step -> a scalar."""


class LossStage(Stage):
    """Stage that minimises a loss of all pairs' tower inputs.

    Args:
        student, learned, outer, seeds, refresh_fraction: of :class:`Stage`.
        loss: what is minimised.
    """

    def __init__(
        self,
        student: Student,
        learned: dict[str, Learned],
        *,
        outer: Outer,
        seeds: SeedTree,
        refresh_fraction: float,
        loss: PairLoss,
    ) -> None:
        super().__init__(student, learned, outer=outer, seeds=seeds, refresh_fraction=refresh_fraction)
        self._loss = loss

    def gradient(self, tower_inputs: Inputs, state: State) -> Gradient:
        """By autograd."""
        leaves = {side: values.detach().requires_grad_(side in self.learned) for side, values in tower_inputs.items()}
        with torch.enable_grad():
            loss = self._loss(self.student, leaves, self.seeds.child("step", state.step))
        back = torch.autograd.grad(
            loss, [leaves[side] for side in self.learned], allow_unused=True, materialize_grads=True
        )
        return Gradient(float(loss.detach()), dict(zip(self.learned, back, strict=True)))

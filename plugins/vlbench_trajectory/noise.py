"""Pairs of noise: what a distilled row must be far above."""

from __future__ import annotations

from typing import TYPE_CHECKING

import vlbench
from vlbench.matching import Form, draw_start

if TYPE_CHECKING:
    from vlbench_trajectory.options import NoiseOptions


class Noise(vlbench.Method):
    """Images and text vectors drawn from N(mean, deviation) of real ones, per channel and element; nothing is learned.

    The start that VLDD's released code has under ``noise``, without what follows.
    """

    options: NoiseOptions

    def condense(
        self, train: vlbench.TrainView, budget: vlbench.Budget, context: vlbench.Context
    ) -> vlbench.DistilledPairs:
        """As many pairs of noise as fit the budget."""
        form = Form(noise=tuple(train.sides), storage=self.options.storage)
        start = draw_start(train, budget, context, form=form)
        student, _ = context.student_with("frozen")
        learned = start.learned(student)
        return start.artifact(
            train, student, {side: how.variable(start.first[side]) for side, how in learned.items()}, {}
        )

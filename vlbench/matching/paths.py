"""A stage of trajectory matching: learned pairs follow the paths of one student's experts."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vlbench.matching.experts import Trajectory, draw_segment
from vlbench.matching.gradient import GRADIENTS, Inputs, Loss, Matched, Parameters, Rates, Segment
from vlbench.matching.inner_rates import first_rates
from vlbench.matching.outer import Outer, Variables
from vlbench.matching.settings import Settings
from vlbench.matching.stage import Gradient, Stage, State
from vlbench.seeds import SeedTree
from vlbench.threads import side_by_side

if TYPE_CHECKING:
    from vlbench.matching.learned import Learned
    from vlbench.students.student import Student

RATES = "inner rates"
"""Name of the variable that holds the inner step sizes [branch]."""
KEPT_STEPS = 16
"""Inner steps of two heads up to which their graphs are kept: some megabytes each."""
InnerLoss = Callable[["Student", Inputs, Parameters, SeedTree], Tensor]
"""A student's loss of a batch of tower inputs; the seeds, from which alone it draws, are the inner step's own."""


class PathStage(Stage):
    """Stage whose loss is how far a student's end lies from its expert's.

    Args:
        student: whose training is matched.
        trajectories: its experts.
        learned: learned side, or soft targets -> how its variable becomes tower inputs.
        settings: of the stage.
        seeds: step k draws from index k.
        inner_loss: what the student minimises within a segment.
    """

    def __init__(
        self,
        student: Student,
        trajectories: list[Trajectory],
        learned: dict[str, Learned],
        *,
        settings: Settings,
        seeds: SeedTree,
        inner_loss: InnerLoss,
    ) -> None:
        rates = {side: getattr(settings, how.rate) for side, how in learned.items()} | {RATES: settings.step_rate}
        outer = Outer(settings.optimiser, rates, settings.outer_steps, settings.ema, settings.max_grad_norm)
        super().__init__(student, learned, outer=outer, seeds=seeds, refresh_fraction=settings.refresh_fraction)
        self.trajectories, self.settings, self._inner_loss = trajectories, settings, inner_loss

    def more_variables(self, tower_inputs: Inputs) -> Variables:
        """Inner step sizes [branch], from a line search where none is given."""
        if self.settings.inner_rate > 0:
            rates = torch.full((len(self.student.branches),), self.settings.inner_rate, device=self.student.device)
        else:
            segment, batches = self._segments(0)[0], self._batches(0, 0, tower_inputs)
            branches = list(self.student.branches)
            rates = first_rates(self._loss(0), tower_inputs, segment, batches, branches=branches)
        return {RATES: rates if self.settings.literal else rates.log()}

    def rates(self, variables: Variables) -> Rates:
        """Inner step size of every branch."""
        values = variables[RATES] if self.settings.literal else variables[RATES].exp()
        return dict(zip(self.student.branches, values, strict=True))

    def gradient(self, tower_inputs: Inputs, state: State) -> Gradient:
        """Mean over segments."""
        jobs = [
            partial(self._match, tower_inputs, segment, state, batches=self._batches(state.step, index, tower_inputs))
            for index, segment in enumerate(self._segments(state.step))
        ]
        together = len(jobs) > 1 and self.student.fits_one_core
        matched = list(side_by_side(jobs)) if together else [job() for job in jobs]
        by_input = {side: torch.stack([one.tower_inputs[side] for one in matched]).mean(0) for side in self.learned}
        by_rate = torch.stack([torch.stack(list(one.rates.values())) for one in matched]).mean(0)
        if not self.settings.literal:
            by_rate = by_rate * state.variables[RATES].exp()
        return Gradient(sum(one.loss for one in matched) / len(matched), by_input, {RATES: by_rate})

    def _match(self, tower_inputs: Inputs, segment: Segment, state: State, *, batches: list[Tensor]) -> Matched:
        return GRADIENTS[self.settings.gradient](
            self._loss(state.step), tower_inputs, segment, rates=self.rates(state.variables), batches=batches,
            sides=tuple(self.learned), keep=self.student.two_linear_heads and len(batches) <= KEPT_STEPS,
        )  # fmt: skip

    def _segments(self, step: int) -> list[Segment]:
        settings = self.settings
        grown = settings.first_range + (settings.start_range - settings.first_range) * step / settings.outer_steps
        generator = self.seeds.generator("segments", step)
        first = step * settings.segments_per_step
        drawn = [
            draw_segment(
                self.trajectories, last_start=round(grown), segment_length=settings.segment_length, generator=generator,
                device=self.student.device, first_start=settings.first_start,
                expert=(first + index) % len(self.trajectories) if settings.in_turn else None,
            )
            for index in range(settings.segments_per_step)
        ]  # fmt: skip
        return [Segment(one.start, one.target, settings.merged) for one in drawn]

    def _batches(self, step: int, segment: int, tower_inputs: Inputs) -> list[Tensor]:
        part, parts = self.settings.part
        rows = torch.arange(len(next(iter(tower_inputs.values())))).tensor_split(parts)[part]
        count, size, steps = len(rows), self.settings.inner_batch, self.settings.inner_steps
        if size == 0 or size >= count:
            return [rows.to(self.student.device)] * steps
        generator = self.seeds.generator("batches", step * self.settings.segments_per_step + segment)
        per_pass = 1 if self.settings.draws else count // size
        passes = [torch.randperm(count, generator=generator)[: per_pass * size] for _ in range(-(-steps // per_pass))]
        order = rows[torch.cat(passes)].to(self.student.device)
        return [order[at : at + size] for at in range(0, steps * size, size)]

    def _loss(self, step: int) -> Loss:
        def loss(tower_inputs: Inputs, parameters: Parameters, inner: int) -> Tensor:
            index = step * self.settings.inner_steps + inner
            with self.student.training(self.seeds.integer("dropout", index)):
                return self._inner_loss(self.student, tower_inputs, parameters, self.seeds.child("inner", index))

        return loss

"""One stage of matching: learned pairs follow the paths of one student's experts."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vlbench import SeedTree
from vlbench.errors import DivergedError
from vlbench_trajectory.experts import Trajectory, draw_segment
from vlbench_trajectory.matching import (
    Entries,
    Loss,
    Matched,
    Parameters,
    Rates,
    Segment,
    inner_path,
    match,
    matching_loss,
)  # fmt: skip
from vlbench_trajectory.outer import Outer, Variables, outer_start, outer_step
from vlbench_trajectory.settings import Settings
from vlbench_trajectory.targets import TARGETS, as_targets

if TYPE_CHECKING:
    from vlbench.students import Student
    from vlbench_trajectory.pixels import Learned

RATES = "inner rates"
"""Name of the variable that holds the inner step sizes [branch]."""


@dataclass(frozen=True)
class State:
    """Everything that changes from one outer step to the next.

    Attributes:
        stage: its number.
        step: outer steps done in it.
        variables: what is learned: a tensor for each learned side [pair, ...], and the inner step sizes.
        tower_inputs: of all pairs on every side, as last computed.
        moments: the outer optimiser's.
    """

    stage: int
    step: int
    variables: Variables
    tower_inputs: Entries
    moments: Variables


class Stage:
    """What stays the same during a stage.

    Args:
        student: whose training is matched.
        trajectories: its experts.
        learned: learned side, or soft targets -> how its variable becomes tower_inputs.
        settings: of the stage.
        seeds: step k draws from index k.
    """

    def __init__(
        self,
        student: Student,
        trajectories: list[Trajectory],
        learned: dict[str, Learned],
        *,
        settings: Settings,
        seeds: SeedTree,
    ) -> None:
        self.student, self.trajectories, self.learned = student, trajectories, learned
        self.settings, self.seeds = settings, seeds
        rates = {side: getattr(settings, how.rate) for side, how in learned.items()}
        self.outer = Outer(settings.optimiser, rates | {RATES: settings.step_rate}, settings.outer_steps)

    def begin(self, number: int, variables: Variables, tower_inputs: Entries) -> State:
        """The state before the first step, with inner step sizes from a line search.

        Args:
            number: of the stage.
            variables: of the learned sides [pair, ...].
            tower_inputs: of the other sides [pair, ...].
        """
        with torch.no_grad():
            tower_inputs = tower_inputs | {
                side: how.tower_inputs(variables[side]) for side, how in self.learned.items()
            }
        rates = self._first_rates(tower_inputs)
        variables = variables | {RATES: rates if self.settings.literal else rates.log()}
        return State(number, 0, variables, tower_inputs, outer_start(variables))

    def rates(self, variables: Variables) -> Rates:
        """Inner step size of every branch."""
        values = variables[RATES] if self.settings.literal else variables[RATES].exp()
        return dict(zip(self.student.branches, values, strict=True))

    def advance(self, state: State) -> tuple[State, float]:
        """One outer step, and the matching loss before it.

        Raises:
            DivergedError: a number is not finite.
        """
        tower_inputs, graphs = self._enter(state)
        matched = [
            self._match(tower_inputs, segment, state, batches=self._batches(state.step, index, tower_inputs))
            for index, segment in enumerate(self._segments(state.step))
        ]
        gradients = self._gradients(matched, state.variables, graphs)
        loss = sum(one.loss for one in matched) / len(matched)
        variables, moments = outer_step(self.outer, state.variables, gradients, state=state.moments, step=state.step)
        with torch.no_grad():
            pull = {side: self.outer.rate(side, state.step) for side in self.learned}
            variables |= {side: how.project(variables[side], pull[side]) for side, how in self.learned.items()}
        if not all(bool(value.isfinite().all()) for value in variables.values()):
            raise DivergedError(
                f"matching diverged at outer step {state.step}: a learned value is not finite. "
                "Lower item_rate, vector_rate and step_rate, or leave them out."
            )
        return State(state.stage, state.step + 1, variables, tower_inputs, moments), loss

    def _enter(self, state: State) -> tuple[Entries, dict[str, tuple[Tensor, Tensor, Tensor]]]:
        """New tower inputs, and for each learned side the rows computed, their variable and their tower inputs."""
        tower_inputs, graphs = dict(state.tower_inputs), {}
        for index, (side, how) in enumerate(self.learned.items()):
            count = len(state.variables[side])
            rows = torch.arange(count)
            share = self.settings.share if how.is_items and self.student.towers[side].frozen else 1.0
            if share < 1:
                generator = self.seeds.generator("rows", state.step * len(self.learned) + index)
                rows = torch.randperm(count, generator=generator)[: max(1, round(share * count))].sort().values
            variable = state.variables[side][rows].detach().requires_grad_()
            fresh = how.tower_inputs(variable)
            tower_inputs[side] = state.tower_inputs[side].index_copy(0, rows, fresh.detach())
            graphs[side] = (rows, variable, fresh)
        return tower_inputs, graphs

    def _gradients(
        self, matched: list[Matched], variables: Variables, graphs: dict[str, tuple[Tensor, Tensor, Tensor]]
    ) -> Variables:
        """Mean over segments, carried back from tower_inputs to variables."""
        gradients = {}
        for side, (rows, variable, fresh) in graphs.items():
            by_entry = torch.stack([one.tower_inputs[side][rows] for one in matched]).mean(0)
            (by_variable,) = torch.autograd.grad(fresh, variable, by_entry)
            gradients[side] = torch.zeros_like(variables[side]).index_copy_(0, rows, by_variable)
        by_rate = torch.stack([torch.stack(list(one.rates.values())) for one in matched]).mean(0)
        if not self.settings.literal:
            by_rate = by_rate * variables[RATES].exp()
        return gradients | {RATES: by_rate}

    def _match(self, tower_inputs: Entries, segment: Segment, state: State, *, batches: list[Tensor]) -> Matched:
        return match(
            self._loss(state.step), tower_inputs, segment, rates=self.rates(state.variables), batches=batches,
            sides=tuple(self.learned),
        )  # fmt: skip

    def _segments(self, step: int) -> list[Segment]:
        settings = self.settings
        grown = settings.first_range + (settings.start_range - settings.first_range) * step / settings.outer_steps
        generator = self.seeds.generator("segments", step)
        return [
            draw_segment(
                self.trajectories, last_start=round(grown), span=settings.span, generator=generator,
                device=self.student.device,
            )
            for _ in range(settings.averaged)
        ]  # fmt: skip

    def _batches(self, step: int, segment: int, tower_inputs: Entries) -> list[Tensor]:
        count = len(next(iter(tower_inputs.values())))
        size, steps = self.settings.inner_batch, self.settings.inner_steps
        if size == 0 or size >= count:
            return [torch.arange(count, device=self.student.device)] * steps
        generator = self.seeds.generator("batches", step * self.settings.averaged + segment)
        per_pass = count // size
        passes = [torch.randperm(count, generator=generator)[: per_pass * size] for _ in range(-(-steps // per_pass))]
        order = torch.cat(passes).to(self.student.device)
        return [order[at : at + size] for at in range(0, steps * size, size)]

    def _loss(self, step: int) -> Loss:
        def loss(tower_inputs: Entries, parameters: Parameters, inner: int) -> Tensor:
            with self.student.training(self.seeds.integer("dropout", step * self.settings.inner_steps + inner)):
                temperature = self.settings.inner_temperature or None
                rows = tower_inputs.get(TARGETS)
                targets = as_targets(rows).matrix(torch.arange(len(rows))) if rows is not None else None
                return self.student.loss(tower_inputs, parameters, temperature=temperature, targets=targets)

        return loss

    def _first_rates(self, tower_inputs: Entries) -> Tensor:
        """Inner step sizes [branch] under which the starting pairs come nearest to a segment's target."""
        branches = list(self.student.branches)
        if self.settings.inner_rate > 0:
            return torch.full((len(branches),), self.settings.inner_rate, device=self.student.device)
        segment = self._segments(0)[0]
        batches = self._batches(0, 0, tower_inputs)

        def distance(factors: dict[str, float]) -> float:
            rates = {branch: unit[branch] * factors[branch] for branch in branches}
            end = inner_path(self._loss(0), tower_inputs, segment.start, rates, batches)[-1]
            value = float(torch.stack(list(matching_loss(end, segment).values())).sum())
            return value if math.isfinite(value) else math.inf

        unit = self._unit_rates(tower_inputs, segment, batches)
        factors = search(distance, dict.fromkeys(branches, 1.0), branches)
        for branch in branches:
            factors = search(distance, factors, [branch])
        return torch.stack([unit[branch] * factors[branch] for branch in branches])

    def _unit_rates(self, tower_inputs: Entries, segment: Segment, batches: list[Tensor]) -> Rates:
        """Step sizes under which steps along the first gradient would cover the segment's length."""
        one = dict.fromkeys(segment.start, torch.ones((), device=self.student.device))
        first = inner_path(self._loss(0), tower_inputs, segment.start, one, batches[:1])[-1]
        return {
            branch: (segment.target[branch] - start).norm()
            / ((first[branch] - start).norm().clamp_min(1e-12) * len(batches))
            for branch, start in segment.start.items()
        }


Factors = dict[str, float]
"""Branch name -> factor on its inner step size."""


def search(distance: Callable[[Factors], float], factors: Factors, names: list[str]) -> Factors:
    """Double or halve some factors together for as long as that lowers the distance, six times at most."""
    best, value = factors, distance(factors)
    for step in (2.0, 0.5):
        for _ in range(6):
            tried = best | {name: best[name] * step for name in names}
            reached = distance(tried)
            if reached >= value:
                break
            best, value = tried, reached
        if best is not factors:
            break
    return best

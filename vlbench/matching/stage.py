"""The outer loop of any distiller: variables become tower inputs, a loss gives their gradient, and they follow it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vlbench.errors import DivergedError
from vlbench.matching.gradient import Inputs, Rates
from vlbench.matching.outer import Outer, Variables, averaged, outer_start, outer_step
from vlbench.seeds import SeedTree

if TYPE_CHECKING:
    from vlbench.matching.learned import Learned
    from vlbench.students.student import Student

Graphs = dict[str, tuple[Tensor, Tensor, Tensor]]
"""Learned side -> rows that were computed, their variable, and their tower inputs with graph."""


@dataclass(frozen=True)
class State:
    """Everything that changes from one outer step to the next.

    Attributes:
        stage: its number.
        step: outer steps done in it.
        variables: what is learned: a tensor for each learned side [pair, ...], and what a stage adds.
        tower_inputs: of all pairs on every side, as last computed.
        moments: the outer optimiser's.
    """

    stage: int
    step: int
    variables: Variables
    tower_inputs: Inputs
    moments: Variables


@dataclass(frozen=True)
class Gradient:
    """A loss and its gradient.

    Attributes:
        loss: its value.
        tower_inputs: learned side -> gradient with respect to the tower inputs of all pairs [pair, ...].
        variables: gradient of what a stage learns beside the pairs.
    """

    loss: float
    tower_inputs: Inputs
    variables: Variables = field(default_factory=dict)


class Stage(ABC):
    """What stays the same during a stage. A subclass says what the gradient is.

    Args:
        student: what the pairs are for.
        learned: learned side, or soft targets -> how its variable becomes tower inputs.
        outer: how variables follow their gradients.
        seeds: step k draws from index k.
        refresh_fraction: of the items that are run through a frozen encoder in an update.
    """

    def __init__(
        self,
        student: Student,
        learned: dict[str, Learned],
        *,
        outer: Outer,
        seeds: SeedTree,
        refresh_fraction: float = 1.0,
    ) -> None:
        self.student, self.learned, self.outer = student, learned, outer
        self.seeds, self._refresh_fraction = seeds, refresh_fraction

    @abstractmethod
    def gradient(self, tower_inputs: Inputs, state: State) -> Gradient:
        """The loss of all pairs' tower inputs, without graph, and its gradient."""

    def more_variables(self, tower_inputs: Inputs) -> Variables:
        """What is learned beside the pairs, at the start."""
        del tower_inputs
        return {}

    def rates(self, variables: Variables) -> Rates:
        """Inner step sizes that were learned with the pairs: branch -> a scalar; none here."""
        del variables
        return {}

    def begin(self, number: int, variables: Variables, tower_inputs: Inputs) -> State:
        """The state before the first step.

        Args:
            number: of the stage.
            variables: of the learned sides [pair, ...].
            tower_inputs: of the other sides [pair, ...].
        """
        with torch.no_grad():
            learned = {side: how.tower_inputs(variables[side]) for side, how in self.learned.items()}
        tower_inputs = tower_inputs | learned
        variables = variables | self.more_variables(tower_inputs)
        return State(number, 0, variables, tower_inputs, outer_start(variables))

    def advance(self, state: State, spent: float = 0.0) -> tuple[State, float]:
        """One outer step where a share ``spent`` of the time is over, and the loss before it.

        Raises:
            DivergedError: a number is not finite.
        """
        tower_inputs, graphs = self._enter(state)
        found = self.gradient(tower_inputs, state)
        gradients = self._carried(found.tower_inputs, state.variables, graphs) | found.variables
        variables, moments = outer_step(
            self.outer, state.variables, gradients, state=state.moments, step=state.step, spent=spent
        )
        with torch.no_grad():
            pull = {side: self.outer.rate(side, state.step, spent) for side in self.learned}
            variables |= {side: how.project(variables[side], pull[side]) for side, how in self.learned.items()}
            moments = averaged(self.outer, variables, moments, state.step)
        if not all(bool(value.isfinite().all()) for value in variables.values()):
            raise DivergedError(
                f"learning diverged at outer step {state.step}: a learned value is not finite. "
                "Lower item_rate, vector_rate and step_rate, or leave them out."
            )
        return State(state.stage, state.step + 1, variables, tower_inputs, moments), found.loss

    def _enter(self, state: State) -> tuple[Inputs, Graphs]:
        """New tower inputs, and how they came about."""
        tower_inputs, graphs = dict(state.tower_inputs), {}
        for index, (side, how) in enumerate(self.learned.items()):
            rows = self._rows(side, state, index).to(self.student.device)
            variable = state.variables[side][rows].detach().requires_grad_()
            with torch.enable_grad():
                fresh = how.tower_inputs(variable)
            tower_inputs[side] = state.tower_inputs[side].index_copy(0, rows, fresh.detach())
            graphs[side] = (rows, variable, fresh)
        return tower_inputs, graphs

    def _rows(self, side: str, state: State, index: int) -> Tensor:
        """Which pairs of a side are computed anew."""
        count = len(state.variables[side])
        if self._refresh_fraction == 1 or not self.learned[side].is_items or not self.student.towers[side].frozen:
            return torch.arange(count)
        generator = self.seeds.generator("rows", state.step * len(self.learned) + index)
        return torch.randperm(count, generator=generator)[: max(1, round(self._refresh_fraction * count))].sort().values

    def _carried(self, by_input: Inputs, variables: Variables, graphs: Graphs) -> Variables:
        """Gradients carried back from tower inputs to variables."""
        gradients = {}
        for side, (rows, variable, fresh) in graphs.items():
            (by_variable,) = torch.autograd.grad(fresh, variable, by_input[side][rows])
            gradients[side] = torch.zeros_like(variables[side]).index_copy_(0, rows, by_variable)
        return gradients

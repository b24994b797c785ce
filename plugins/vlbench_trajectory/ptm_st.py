"""PTM-ST: phased matching on shortcut trajectories (ICLR 2026, arXiv 2603.25388)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlbench.matching import Form, PathDistiller, Plan, Settings, Task, batch_targets
from vlbench_trajectory.settings import paper_lors, resolve

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench import SeedTree
    from vlbench.students import Student
    from vlbench_trajectory.options import PhaseOptions

FEW_PAIRS = 150
"""Budgets up to which one phase is published."""


class PTMST(PathDistiller):
    """Follow straightened experts; parts of the pairs one after the other, each from later starts.

    Per layer, with b_t the share of the expert's path length that lies before snapshot t,

        theta_t = (1 - b_t) theta_0 + b_t theta_T

    Phase p learns part p of the pairs from starts p, p + 1, ... on a path straightened up to where that phase ends.
    What is returned is an exponential average. Published with LoRS's loss and full targets; targets are of low rank
    here, and students train on all parts at once, as protocols have it, where the paper's train on one after the other.
    """

    options: PhaseOptions

    def form(self) -> Form:
        """With targets; as published, raw variables from one caption."""
        form = replace(super().form(), target_rank=self.options.target_rank)
        return replace(form, captions="one", literal=True) if self.options.preset == "paper" else form

    def settings(self, task: Task) -> Settings:
        """Those of the first phase."""
        base = resolve(self.options, task, paper_lors)
        return replace(base, convex=True, ema=self.options.ema)

    def plans(self, task: Task) -> list[Plan]:
        """A stage for each phase, which shares the outer steps."""
        phases = self.options.phases or (1 if task.pairs <= FEW_PAIRS else 2)
        base, phases = self.settings(task), min(phases, task.pairs)
        last = base.expert_steps // base.interval - base.segment_length
        steps = max(1, base.outer_steps // phases)
        return [
            Plan("", replace(
                base, outer_steps=steps, part=(phase, phases), first_start=min(phase, last),
                start_range=min(base.start_range + phase, last), first_range=min(base.first_range + phase, last),
            ))
            for phase in range(phases)
        ]  # fmt: skip

    def inner_loss(
        self, student: Student, tower_inputs: dict[str, Tensor], parameters: dict[str, Tensor], draw: SeedTree
    ) -> Tensor:
        """Against the learned targets; wBCE as published."""
        del draw
        loss = "wbce" if self.options.preset == "paper" else None
        return student.loss(tower_inputs, parameters, targets=batch_targets(tower_inputs), objective=loss)

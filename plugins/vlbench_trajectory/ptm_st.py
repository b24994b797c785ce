"""PTM-ST: phased matching on shortcut trajectories (ICLR 2026, arXiv 2603.25388)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlbench.matching import Plan, Settings, Task
from vlbench_trajectory.settings import paper_ptm_st, phases_of, resolve
from vlbench_trajectory.soft import SoftTargets

if TYPE_CHECKING:
    from vlbench_trajectory.options import PhaseOptions


class PTMST(SoftTargets):
    """Follow straightened experts; parts of the pairs one after the other, each from later starts.

    Per layer, with b_t the share of the expert's path length that lies before snapshot t,

        theta_t = (1 - b_t) theta_0 + b_t theta_T

    Phase p learns part p of the pairs from starts p, p + 1, ... on a path straightened up to where that phase ends.
    What is returned is an exponential average. Published with LoRS's loss and full targets; targets are of low rank
    here, and students train on all parts at once, as protocols have it, where the paper's train on one after the other.
    """

    options: PhaseOptions
    objective = None

    def settings(self, task: Task) -> Settings:
        """Those of the first phase."""
        return replace(resolve(self.options, task, paper_ptm_st), convex=True, ema=self.options.ema)

    def plans(self, task: Task) -> list[Plan]:
        """A stage for each phase, which shares the outer steps."""
        base, phases = self.settings(task), min(self.options.phases or phases_of(task.pairs), task.pairs)
        last = base.expert_steps // base.interval - base.segment_length
        steps = max(1, base.outer_steps // phases)
        return [
            Plan("", replace(
                base, outer_steps=steps, part=(phase, phases), first_start=min(phase, last),
                start_range=min(base.start_range + phase, last), first_range=min(base.first_range + phase, last),
            ))
            for phase in range(phases)
        ]  # fmt: skip

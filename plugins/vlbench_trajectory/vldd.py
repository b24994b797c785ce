"""VLDD: bi-trajectory-guided co-distillation (Wu, Zhang, Deng and Russakovsky, TMLR 2024)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vlbench import DistilledPairs, Method
from vlbench.artifacts import pack
from vlbench_trajectory.experts import train_experts
from vlbench_trajectory.settings import Settings, Task, Trained, resolve
from vlbench_trajectory.stage import Stage, State
from vlbench_trajectory.start import Start, draw_start
from vlbench_trajectory.targets import TARGETS, as_targets

if TYPE_CHECKING:
    from vlbench import Budget, Context, TrainView
    from vlbench.students import Student
    from vlbench_trajectory.options import VLDDOptions

CHECKPOINT_EVERY = 25
"""Outer steps between two checkpoints."""


@dataclass(frozen=True)
class Plan:
    """A stage before it begins: the student (see :meth:`vlbench.Context.variant`) and the numbers."""

    variant: str
    settings: Settings

    def resolved(self) -> dict[str, bool | int | float | str]:
        """Its numbers for the record; those of a stage before the last under the name of its student."""
        stage = f"{self.variant}." if self.variant else ""
        return {f"{stage}{name}": value for name, value in asdict(self.settings).items()}


class VLDD(Method):
    """Learn pairs on which a student moves as experts move on all data.

    What is matched is what the reference student trains: two heads, adapters and heads, or an encoder and heads. Where
    an encoder is trained, heads alone are matched first, on the frozen twin, and the result is the start. The seed
    varies the starting pairs, the segments drawn and the order of inner batches; experts are shared by all seeds.
    """

    options: VLDDOptions

    def condense(self, train: TrainView, budget: Budget, context: Context) -> DistilledPairs:
        """Distil as many pairs as the budget says, or as surely fit its bytes as they are stored.

        Raises:
            OptionError: an option names no side, or a side of vectors has a trained encoder.
            BudgetError: fewer first-side items than pairs asked for.
            DivergedError: a number is not finite.
        """
        start = draw_start(train, budget, context, self.options)
        plans = make_plans(
            self.options, context.student, pairs=len(start.selection), items=len(train.items(train.sides[0]))
        )
        for plan in plans:
            context.settings(**plan.resolved())
        at, kept = load_state(context)
        stage, state = self._run(plans[at], at, start, context, state=kept)
        for index, plan in enumerate(plans[at + 1 :], start=at + 1):
            stage, state = self._run(plan, index, start, context, state=state)
        return self._artifact(train, start, stage, state)

    def _run(
        self, plan: Plan, index: int, start: Start, context: Context, *, state: State | None
    ) -> tuple[Stage, State]:
        """One stage from the first pairs, from the stage before, or from a checkpoint within it."""
        student, _ = context.student_with(plan.variant)
        learned = start.learned(student, self.options, plan.settings)
        experts = train_experts(context, plan.variant, plan.settings)
        seeds = context.seeds.child("stage", index)
        stage = Stage(student, experts, learned, settings=plan.settings, seeds=seeds)
        if state is None or state.stage != index:
            before = {side: how.variable(start.first[side]) for side, how in learned.items()}
            if state is not None:
                before = {side: state.variables[side] for side in learned}
            others = {side: start.tower_inputs(student, side) for side in student.sides if side not in learned}
            state = stage.begin(index, before, others)
        total = plan.settings.outer_steps
        context.observer.phase("matching", total - state.step, plan.variant or student.name)
        while state.step < total:
            state, loss = stage.advance(state)
            context.curve("matching_loss", loss)
            context.observer.advance(1, f"loss {loss:.3f}")
            if state.step % CHECKPOINT_EVERY == 0:
                save_state(context, state)
        return stage, state

    def _artifact(self, train: TrainView, start: Start, stage: Stage, state: State) -> DistilledPairs:
        sides, spaces, scales = {}, {}, {}
        for side in train.sides:
            tower = stage.student.towers[side]
            values = start.first[side]
            if side in stage.learned:
                values = stage.learned[side].inputs(state.variables[side]).detach()
            if side in start.bounds:
                spaces[side] = "items"
                exact = side in start.eight_bit or self.options.storage == "float32"
                sides[side], scales[side] = (
                    (train.as_items(side, values), None) if exact else pack(values, self.options.storage)
                )
            else:
                spaces[side] = tower.space
                sides[side], scales[side] = pack(tower.standardise.inverse(values), self.options.storage)
        rates = {branch: float(rate) for branch, rate in stage.rates(state.variables).items()}
        real = not self.options.noise
        return DistilledPairs(
            {side: stored.cpu() for side, stored in sides.items()},
            spaces,
            train.fingerprint,
            rates,
            start.selection if real else None,
            {side: scale.cpu() for side, scale in scales.items() if scale is not None},
            as_targets(state.variables[TARGETS]).to("cpu") if TARGETS in stage.learned else None,
        )


def make_plans(options: VLDDOptions, student: Student, *, pairs: int, items: int) -> list[Plan]:
    """The stages of a run: one on the reference student, and one on heads before it where an encoder is trained."""
    trained = what_is_trained(student)
    weights = max(sum(part.numel() for part in tower.encoder.module.parameters()) for tower in student.towers.values())
    last = Plan("", resolve(options, Task(trained, pairs, items, weights)))
    if trained == "heads" or not options.warm_start or options.preset == "paper":
        return [last]
    return [Plan("frozen", resolve(options, Task("heads", pairs, items, weights))), last]


def what_is_trained(student: Student) -> Trained:
    """What a student trains, by the dearest of its towers."""
    kinds = {tower.config.train for tower in student.towers.values()}
    return "all" if "all" in kinds else "lora" if "lora" in kinds else "heads"


def save_state(context: Context, state: State) -> None:
    """Keep a state as named tensors."""
    tensors = {"stage": torch.tensor(state.stage), "step": torch.tensor(state.step)}
    tensors["curve"] = torch.tensor(context.curves["matching_loss"], dtype=torch.float64)
    for group in ("variables", "tower_inputs", "moments"):
        tensors |= {f"{group}/{name}": value for name, value in getattr(state, group).items()}
    context.save_checkpoint(tensors)


def load_state(context: Context) -> tuple[int, State | None]:
    """Stage and state that :func:`save_state` kept, or stage 0 and None."""
    kept = context.load_checkpoint()
    if kept is None:
        return 0, None
    for value in kept["curve"].tolist():
        context.curve("matching_loss", value)
    groups: dict[str, dict[str, Tensor]] = {"variables": {}, "tower_inputs": {}, "moments": {}}
    for name, value in kept.items():
        group, slash, key = name.partition("/")
        if slash:
            groups[group][key] = value.to(context.device)
    stage = int(kept["stage"])
    return stage, State(stage, int(kept["step"]), **groups)

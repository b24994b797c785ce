"""A distiller is its loss: what is shared by all methods that learn pairs step by step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vlbench.matching.checkpoint import load_state, save_state
from vlbench.matching.experts import convexified, layout, train_experts
from vlbench.matching.gradient import Inputs, Parameters
from vlbench.matching.loss_stage import LossStage
from vlbench.matching.outer import Outer, final
from vlbench.matching.paths import PathStage
from vlbench.matching.settings import Settings, Task, what_is_trained
from vlbench.matching.soft_targets import SCALE, TARGETS, as_targets
from vlbench.matching.stage import Stage, State
from vlbench.matching.start import Form, Start, draw_start
from vlbench.methods.method import Method
from vlbench.seeds import SeedTree

if TYPE_CHECKING:
    from vlbench.artifacts.artifact import DistilledPairs
    from vlbench.budget import Budget
    from vlbench.data.views import TrainView
    from vlbench.methods.context import Context
    from vlbench.students.student import Student

CHECKPOINT_EVERY = 25
"""Outer steps between two checkpoints."""


@dataclass(frozen=True)
class Plan:
    """A stage before it begins: the student (see :meth:`vlbench.Context.student_with`) and the numbers.

    Examples:
        >>> from vlbench.matching import Plan, settings_of_loss
        >>> Plan("frozen", settings_of_loss(outer_steps=10, item_rate=0.1, vector_rate=0.1)).variant
        'frozen'
    """

    variant: str
    settings: Settings


class Distiller(Method):
    """Start, outer loop, checkpoints, curve and artifact of a method that learns pairs.

    Where options have a field ``seconds`` above 0, learning ends after that time at the latest.

    Attributes:
        curve: what the loss is called in the record.
    """

    curve: str = "loss"

    def form(self) -> Form:
        """What is learned, and how: from the options of the same names, where there are any."""
        options = self.options
        names = {"learn": "learn", "captions": "captions", "noise": "noise", "pixels": "basis"}
        names |= {"anchor_strength": "anchor_strength", "storage": "storage"}
        return Form(**{field: getattr(options, name) for name, field in names.items() if hasattr(options, name)})

    def choose(self, candidates: Tensor, count: int, context: Context) -> Tensor:
        """Which pairs learning starts from: positions [count] among the train pairs on offer [candidate]."""
        return torch.randperm(len(candidates), generator=context.seeds.generator("start pairs"))[:count]

    @abstractmethod
    def plans(self, task: Task) -> Sequence[Plan]:
        """The stages, in order, with all their numbers."""

    @abstractmethod
    def stage(self, plan: Plan, start: Start, context: Context, seeds: SeedTree) -> Stage:
        """A stage, ready to begin; step k draws from index k of ``seeds``."""

    def condense(self, train: TrainView, budget: Budget, context: Context) -> DistilledPairs:
        """Learn as many pairs as the budget says, or as surely fit its bytes as they are stored.

        Raises:
            OptionError: an option names no side, or a side of vectors has a trained encoder.
            BudgetError: fewer first-side items than pairs asked for.
            DivergedError: a number is not finite.
        """
        form = self.form()
        start = draw_start(train, budget, context, form=form, choose=lambda c, n: self.choose(c, n, context))
        plans = self.plans(task_of(train, context.student, len(start.selection)))
        for plan in plans:
            prefix = f"{plan.variant or 'last'}." if len(plans) > 1 else ""
            context.settings(**{prefix + name: value for name, value in plan.settings.chosen().items()})
        at, kept = load_state(context, self.curve)
        stage, state = self._run(plans[at], at, start, context, state=kept)
        for index, plan in enumerate(plans[at + 1 :], start=at + 1):
            stage, state = self._run(plan, index, start, context, state=state)
        variables = final(state.variables, state.moments)
        rates = {branch: float(rate) for branch, rate in stage.rates(variables).items()}
        return start.artifact(train, stage.student, variables, rates)

    def _run(
        self, plan: Plan, index: int, start: Start, context: Context, *, state: State | None
    ) -> tuple[Stage, State]:
        """One stage from the first pairs, from the stage before, or from a checkpoint within it."""
        student, _ = context.student_with(plan.variant)
        stage = self.stage(plan, start, context, context.seeds.child("stage", index))
        if state is None or state.stage != index:
            before = {side: how.variable(start.first[side]) for side, how in stage.learned.items()}
            if state is not None:
                before = {side: state.variables[side] for side in stage.learned}
            others = {side: start.tower_inputs(student, side) for side in student.sides if side not in stage.learned}
            state = stage.begin(index, before, others)
        total, seconds = plan.settings.outer_steps, float(getattr(self.options, "seconds", 0.0))
        if state.step:
            context.observer.message(f"resumed at update {state.step} of {total}")
        context.observer.phase("matching", total - state.step, plan.variant or student.name)
        while state.step < total and not (seconds and context.spent_s >= seconds):
            state, loss = stage.advance(state, context.spent_s / seconds if seconds else 0.0)
            context.curve(self.curve, loss)
            context.observer.advance(1, f"loss {loss:.3f}")
            if state.step % CHECKPOINT_EVERY == 0 or state.step == total:  # the end too: scoring may be cut off
                save_state(context, state, self.curve)
        return stage, state


class PathDistiller(Distiller):
    """A distiller whose students shall move as experts do. A subclass says its numbers, and what students minimise.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile, vlbench
        >>> from vlbench.matching import PathDistiller, Settings
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> class Mine(PathDistiller):
        ...     def settings(self, task):
        ...         return Settings(
        ...             experts=1, expert_steps=20, expert_rate=0.3, expert_batch=20, interval=5, start_range=1,
        ...             segment_length=2, inner_steps=3, inner_batch=0, outer_steps=4, segments_per_step=1,
        ...             refresh_fraction=1.0, item_rate=0.1,
        ...             vector_rate=0.1, step_rate=0.1,
        ...         )
        >>> train, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> artifact = Mine(options=None).condense(train, vlbench.Budget(5), context)
        >>> len(artifact), len(context.curves["matching_loss"])
        (5, 4)
    """

    curve = "matching_loss"

    @abstractmethod
    def settings(self, task: Task) -> Settings:
        """All numbers of a stage."""

    def inner_loss(self, student: Student, tower_inputs: Inputs, parameters: Parameters, draw: SeedTree) -> Tensor:
        """What the student minimises within a segment: its own loss, against soft targets where they are learned.

        Args:
            student: whose training is matched.
            tower_inputs: side -> [pair, ...] of a batch, and rows of soft targets where they are learned.
            parameters: branch -> flat vector.
            draw: of this inner step alone; the same step is computed more than once.
        """
        del draw
        return student.loss(tower_inputs, parameters, targets=batch_targets(tower_inputs))

    def plans(self, task: Task) -> list[Plan]:
        """One stage on the reference student, and one on heads before it where an encoder is trained."""
        last = Plan("", self.settings(task))
        if task.trained == "heads" or not getattr(self.options, "warm_start", False) or last.settings.literal:
            return [last]
        return [Plan("frozen", self.settings(replace(task, trained="heads"))), last]

    def stage(self, plan: Plan, start: Start, context: Context, seeds: SeedTree) -> PathStage:
        """Experts, straightened where that is asked for, and a stage that follows them."""
        student, _ = context.student_with(plan.variant)
        last = plan.settings.start_range + plan.settings.segment_length  # later snapshots are never read
        experts = train_experts(context, plan.settings.plan, plan.variant, last=last)
        if plan.settings.convex:
            sizes = layout(student)
            experts = [convexified(one, sizes) for one in experts]
        return PathStage(
            student,
            experts,
            start.learned(student),
            settings=plan.settings,
            seeds=seeds,
            inner_loss=self.inner_loss,
        )


class LossDistiller(Distiller):
    """A distiller that minimises a loss of the learned pairs' tower inputs; a subclass says which.

    Heads alone are trained here: encoders are frozen, also where the reference student trains them.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile, vlbench
        >>> from vlbench.matching import LossDistiller, settings_of_loss
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> class Means(LossDistiller):  # pairs whose mean is that of the data
        ...     def settings(self, task):
        ...         return settings_of_loss(outer_steps=5, item_rate=0.1, vector_rate=0.1)
        ...     def loss(self, student, tower_inputs, draw):
        ...         return sum(values.mean(0).square().sum() for values in tower_inputs.values())
        >>> train, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> artifact = Means(options=None).condense(train, vlbench.Budget(5), context)
        >>> context.curves["loss"][-1] < context.curves["loss"][0]
        True
    """

    @abstractmethod
    def settings(self, task: Task) -> Settings:
        """Outer steps and rates; see :func:`settings_of_loss`."""

    @abstractmethod
    def loss(self, student: Student, tower_inputs: Inputs, draw: SeedTree) -> Tensor:
        """A scalar, differentiable in the tower inputs [pair, ...] of every side; ``draw`` is of this step alone."""

    def prepare(self, student: Student, context: Context, start: Start) -> None:
        """What is computed once, before the first step. Does nothing unless it is written."""

    def plans(self, task: Task) -> list[Plan]:
        """One stage, on frozen encoders."""
        return [Plan("frozen", self.settings(task))]

    def stage(self, plan: Plan, start: Start, context: Context, seeds: SeedTree) -> LossStage:
        """A stage that minimises the loss."""
        student, _ = context.student_with(plan.variant)
        self.prepare(student, context, start)
        learned, settings = start.learned(student), plan.settings
        rates = {side: getattr(settings, how.rate) for side, how in learned.items()}
        outer = Outer(settings.optimiser, rates, settings.outer_steps, settings.ema, settings.max_grad_norm)
        return LossStage(
            student, learned, outer=outer, seeds=seeds, refresh_fraction=settings.refresh_fraction, loss=self.loss
        )


def settings_of_loss(**given: Any) -> Settings:
    """Settings without experts: ``outer_steps``, ``item_rate``, ``vector_rate``, and what else is wanted of them.

    Examples:
        >>> from vlbench.matching import settings_of_loss
        >>> settings_of_loss(outer_steps=10, item_rate=0.1, vector_rate=0.1).experts
        0
    """
    none = dict.fromkeys(("experts", "expert_steps", "expert_batch", "interval", "start_range", "segment_length"), 0)
    none |= dict.fromkeys(("inner_steps", "inner_batch", "segments_per_step"), 0)
    return Settings(**{**none, "expert_rate": 0.0, "refresh_fraction": 1.0, "step_rate": 0.0, **given})


def batch_targets(tower_inputs: Inputs, scale: float = SCALE) -> Tensor | None:
    """Soft targets [n, n] of a batch where they are learned, else None; ``scale`` is that of the form.

    Examples:
        >>> import torch
        >>> from vlbench.matching import batch_targets
        >>> batch_targets({"image": torch.zeros(3, 4), "text": torch.zeros(3, 2)}) is None
        True
    """
    rows = tower_inputs.get(TARGETS)
    return as_targets(rows, scale).matrix(torch.arange(len(rows), device=rows.device)) if rows is not None else None


def task_of(train: TrainView, student: Student, pairs: int) -> Task:
    """What settings depend on, of a condensation of so many pairs."""
    weights = max(sum(part.numel() for part in tower.encoder.module.parameters()) for tower in student.towers.values())
    items = len(train.items(train.sides[0]))
    return Task(what_is_trained(student), pairs, items, weights, len(train))

"""The numbers of matching, complete: what a method resolves its options to before anything runs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from vlbench.students.student import Student
    from vlbench.students.training import Recipe

Trained = Literal["heads", "lora", "all"]
"""What a student trains: heads on frozen encoders, adapters and heads, or an encoder and heads."""


@dataclass(frozen=True)
class Experts:
    """How experts are trained: plain SGD at a constant rate on all train pairs.

    Attributes:
        count: how many.
        steps, learning_rate, batch: of each.
        interval: steps between two snapshots.
        augment, epoch_over: as in :class:`vlbench.students.Recipe`; the first where an encoder is trained.
        snapshots: how they are stored: ``float32``; or ``bf16``, differences to the one before in half of the bytes.
            Training goes on from what is stored, so that such a path is one of its own.

    Examples:
        >>> from vlbench.matching import Experts
        >>> Experts(count=2, steps=24, learning_rate=0.1, batch=32, interval=12).augment
        'none'
    """

    count: int
    steps: int
    learning_rate: float
    batch: int
    interval: int
    augment: str = "none"
    epoch_over: str = "items"
    snapshots: str = "float32"

    def recipe(self, *, trained: bool) -> Recipe:
        """Of an expert, of no length yet; images are changed where an encoder is trained."""
        from vlbench.students.training import Recipe

        augment = self.augment if trained else "none"
        return Recipe(
            0, self.batch, self.learning_rate, momentum=0.0, schedule="constant", augment=augment,
            epoch_over=self.epoch_over,
        )  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """Numbers of one stage of trajectory matching.

    Attributes:
        experts, expert_steps, expert_rate, expert_batch, interval, expert_augment, expert_passes, snapshots: see
            :class:`Experts`.
        start_range: segments start at a snapshot up to this one, and
        first_start: from this one on.
        first_range: ``start_range`` at the first update, from which it grows evenly to its full value.
        segment_length: snapshots from a segment's start to its target.
        inner_steps: student steps within a segment.
        inner_batch: pairs in a student's step; 0 for the whole set.
        outer_steps: updates of the learned pairs.
        segments_per_step: segments averaged in an update.
        refresh_fraction: of the items that are run through a frozen encoder in an update.
        item_rate, vector_rate, target_rate, step_rate: outer rates of pixels, vectors, soft targets, inner step sizes.
        optimiser: of the outer loop.
        ema: what is returned is an exponential average of what was learned, with this decay; 0: its last value.
        literal: variables are raw (no unit RMS, no clamp) and inner step sizes are not in log space, as published.
        inner_rate: inner step size at the start; 0: found by a line search.
        gradient: ``exact``; ``tesla``, without the indirect term; or ``unrolled``, the whole graph.
        convex: experts' paths are straightened before they are matched.
        merged: one ratio of all branches' distances, not one for each.
        in_turn: experts are followed in turn, not drawn.
        draws: each inner batch is a draw of its own, not a part of a pass.
        part: which part of the pairs is trained on, of how many: (1, 2) is the second half.
        max_grad_norm: the gradient's norm over all variables is cut at this value, before any other clipping; 0: not.

    Examples:
        >>> from vlbench.matching import Settings
        >>> settings = Settings(
        ...     experts=2, expert_steps=24, expert_rate=0.3, expert_batch=32, interval=6, start_range=1,
        ...     segment_length=2, inner_steps=4, inner_batch=0, outer_steps=50, segments_per_step=1,
        ...     refresh_fraction=1.0, item_rate=0.1, vector_rate=0.1,
        ...     step_rate=0.1,
        ... )
        >>> settings.plan.interval
        6
    """

    experts: int
    expert_steps: int
    expert_rate: float
    expert_batch: int
    interval: int
    start_range: int
    segment_length: int
    inner_steps: int
    inner_batch: int
    outer_steps: int
    segments_per_step: int
    refresh_fraction: float
    item_rate: float
    vector_rate: float
    step_rate: float
    target_rate: float = 0.03
    first_range: int = 0
    first_start: int = 0
    optimiser: Literal["adam", "sgd"] = "adam"
    ema: float = 0.0
    literal: bool = False
    inner_rate: float = 0.0
    expert_augment: str = "none"
    expert_passes: str = "items"
    gradient: Literal["exact", "tesla", "unrolled"] = "exact"
    convex: bool = False
    merged: bool = False
    in_turn: bool = False
    draws: bool = False
    part: tuple[int, int] = (0, 1)
    max_grad_norm: float = 0.0
    snapshots: str = "float32"

    @property
    def plan(self) -> Experts:
        """How its experts are trained."""
        return Experts(
            self.experts, self.expert_steps, self.expert_rate, self.expert_batch, self.interval,
            self.expert_augment, self.expert_passes, self.snapshots,
        )  # fmt: skip

    def chosen(self) -> dict[str, Any]:
        """What a record tells: name -> value, without what means nothing where there are no experts."""
        values = asdict(self) | {"part": "{}/{}".format(*self.part)}
        if self.snapshots == "float32":  # as in records of rows that were made before there was another way
            del values["snapshots"]
        return values if self.experts else {name: value for name, value in values.items() if name in _ALWAYS}


_ALWAYS = ("outer_steps", "refresh_fraction", "item_rate", "vector_rate", "optimiser", "ema", "max_grad_norm")


@dataclass(frozen=True)
class Task:
    """What settings depend on.

    Attributes:
        trained: by the stage's student.
        pairs: the budget.
        items: first-side items of the train split.
        weights: of the largest encoder that learned items pass.
        captions: pairs of the train split.

    Examples:
        >>> from vlbench.matching import Task
        >>> Task("heads", pairs=100, items=29_000).trained
        'heads'
    """

    trained: Trained
    pairs: int
    items: int
    weights: int = 0
    captions: int = 0


def what_is_trained(student: Student) -> Trained:
    """What a student trains, by the most expensive of its towers."""
    kinds = {tower.config.train for tower in student.towers.values()}
    return "all" if "all" in kinds else "lora" if "lora" in kinds else "heads"

"""From options to numbers: what is left open is resolved from what is trained, the budget and the data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from vlbench.errors import OptionError
from vlbench.matching import Settings, Task, settings_of_loss
from vlbench_trajectory.options import PathOptions, PresetOptions

Published = Callable[[Task], Settings]

HEADS = Settings(
    experts=8, expert_steps=144, expert_rate=0.3, expert_batch=256, interval=12, start_range=3, segment_length=4,
    inner_steps=8, inner_batch=0, outer_steps=100, segments_per_step=2, refresh_fraction=1.0,
    item_rate=0.2, vector_rate=0.2, step_rate=0.1, first_range=3,
)  # fmt: skip
BY_TRAINED: dict[str, Settings] = {
    "heads": HEADS,
    "lora": dataclasses.replace(
        HEADS, expert_steps=96, inner_steps=4, outer_steps=200, segments_per_step=1, inner_batch=200
    ),
    "all": dataclasses.replace(HEADS, outer_steps=200, segments_per_step=1),
}
MANY_PAIRS = 300
"""Pairs from which a set can teach more than the first steps of an expert."""
MANY: dict[str, dict[str, Any]] = {
    "heads": {"start_range": 6, "segment_length": 6, "outer_steps": 80, "inner_batch": 250},
    "lora": {},
    "all": {"inner_batch": 250, "outer_steps": 120},
}
FEW_ITEMS = 10_000
"""Train items below which an expert overfits within some hundred steps, so that only its first are followed."""
FEW: dict[str, Any] = {"experts": 16, "expert_rate": 0.1, "expert_steps": 72, "interval": 6}
TINY_ITEMS = 256
"""Train items that fit into one batch of an expert. It interpolates them in a step or two at the rates above, after
which its path stands still, and a student's step is many times as long as the segment it should cover."""
TINY: dict[str, Any] = {"expert_rate": 0.002, "expert_steps": 24, "interval": 2, "outer_steps": 40}

ONE_PHASE = 150
"""Pairs up to which PTM-ST has one phase."""
OURS: dict[str, Any] = {"outer_steps": 200, "item_rate": 0.1, "vector_rate": 0.1}
"""Of all that minimise a loss of the pairs."""

LARGE_ENCODER = 1_000_000
"""Weights from which a frozen encoder costs so much that only half of the items pass it in an update."""


def resolve(options: PathOptions, task: Task, published: Published | None = None) -> Settings:
    """Settings of a stage: the options that were given, and what fits the task for the others.

    Args:
        options: of the method.
        task: what settings depend on.
        published: the method's own released settings; VLDD's where left out.
    """
    base = (published or paper)(task) if options.preset == "paper" else automatic(task)
    given = {field.name: getattr(options, field.name, None) for field in dataclasses.fields(base)}
    chosen = dataclasses.replace(base, **{name: value for name, value in given.items() if value not in (None, "auto")})
    last = chosen.expert_steps // chosen.interval
    if last < 1:
        raise OptionError(
            f"interval={chosen.interval} is more than expert_steps={chosen.expert_steps}, so that an expert has one "
            "snapshot and no path. Lower interval."
        )
    span = min(chosen.segment_length, last)
    start_range = min(chosen.start_range, last - span)
    return dataclasses.replace(
        chosen, segment_length=span, start_range=start_range, first_range=min(chosen.first_range, start_range)
    )


def automatic(task: Task) -> Settings:
    """Settings that need no tuning."""
    settings = BY_TRAINED[task.trained]
    if task.items < FEW_ITEMS:
        settings = dataclasses.replace(settings, **FEW)
    if task.pairs >= MANY_PAIRS:
        settings = dataclasses.replace(settings, **MANY[task.trained])
    if task.trained == "heads" and task.weights >= LARGE_ENCODER:
        settings = dataclasses.replace(settings, refresh_fraction=0.5, outer_steps=120)
    if task.items < TINY_ITEMS:
        settings = dataclasses.replace(settings, **TINY)
    return settings


def paper(task: Task) -> Settings:
    """VLDD's published settings (its command for 100 pairs of Flickr30k), literally.

    An epoch, the distance between snapshots, is a pass over all captions. Of 20 experts' ten epochs the first two are
    all that is ever read. Pixels are learned in the encoder's normalised space, where the outer rate is meant.
    """
    epoch = max(1, max(task.captions, task.items) // 128)
    return Settings(
        experts=20, expert_steps=2 * epoch, expert_rate=0.1, expert_batch=128, interval=epoch, start_range=1,
        segment_length=1, inner_steps=8, inner_batch=100, outer_steps=2000, segments_per_step=1, refresh_fraction=1.0,
        item_rate=1000.0, vector_rate=1000.0,
        step_rate=1e-2, target_rate=10.0, first_range=1, optimiser="sgd", literal=True, inner_rate=0.1,
        expert_augment="randaugment", expert_passes="pairs", in_turn=True, draws=True,
    )  # fmt: skip


class Script(NamedTuple):
    """What LoRS's scripts for Flickr30k say for one budget."""

    rate: float
    """Of pixels and vectors."""
    target_rate: float
    inner_batch: int
    last_start: int
    rank: int
    scale: float
    """The factor on the low-rank part of the targets."""


LORS = {
    100: Script(100.0, 10.0, 20, 1, 10, 3.0),
    200: Script(1000.0, 10.0, 20, 1, 5, 1.0),
    500: Script(1000.0, 100.0, 40, 2, 20, 0.01),
}
"""Pairs -> its script."""


def script(pairs: int) -> Script:
    """That of the nearest budget."""
    return LORS[min(LORS, key=lambda budget: abs(budget - pairs))]


def paper_lors(task: Task) -> Settings:
    """LoRS's released settings for the nearest of its budgets on Flickr30k: TESLA's gradient, 3,000 iterations."""
    said, base = script(task.pairs), paper(task)
    return dataclasses.replace(
        base, item_rate=said.rate, vector_rate=said.rate, target_rate=said.target_rate, inner_batch=said.inner_batch,
        outer_steps=3000, start_range=said.last_start, first_range=said.last_start,
        expert_steps=(said.last_start + 1) * base.interval, gradient="tesla", draws=False,
    )  # fmt: skip


def paper_tesla(task: Task) -> Settings:
    """VLDD's settings with TESLA's gradient."""
    return dataclasses.replace(paper(task), gradient="tesla")


def paper_repblend(task: Task) -> Settings:
    """LoRS's, with 20 pairs in every inner batch and one ratio of both heads."""
    return dataclasses.replace(paper_lors(task), inner_batch=20, merged=True)


def paper_ptm_st(task: Task) -> Settings:
    """Its 2,000 iterations a phase, at the rates of its script for 500 pairs of Flickr30k from 350 pairs on; below,
    where its rates are not known, LoRS's. Outer steps are those of all phases."""
    base = dataclasses.replace(paper_lors(task), outer_steps=2000 * phases_of(task.pairs))
    if script(task.pairs) is not LORS[500]:
        return base
    return dataclasses.replace(
        base, item_rate=1000.0, vector_rate=1000.0, target_rate=10.0, start_range=1, first_range=1
    )


def phases_of(pairs: int) -> int:
    """Published phases of a budget: one for 100 pairs, two for 200 and 500."""
    return 1 if pairs <= ONE_PHASE else 2


def of_loss(options: PresetOptions, **published: Any) -> Settings:
    """Numbers of a minimiser: the options that were given, and for the others ours, or the published ones.

    Args:
        options: of the method.
        published: what ``preset=paper`` says.
    """
    base = published if options.preset == "paper" else OURS
    given = {name: value for name in OURS if (value := getattr(options, name)) is not None}
    return settings_of_loss(**{**base, **given})

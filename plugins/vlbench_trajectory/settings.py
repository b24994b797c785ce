"""From options to numbers: what is left open is resolved from what is trained, the budget and the data."""

from __future__ import annotations

import dataclasses
from typing import Any

from vlbench.errors import OptionError
from vlbench.matching import Settings, Task
from vlbench_trajectory.options import VLDDOptions

HEADS = Settings(
    experts=8, expert_steps=144, expert_rate=0.3, expert_batch=256, interval=12, start_range=3, span=4, inner_steps=8,
    inner_batch=0, outer_steps=100, averaged=2, share=1.0, item_rate=0.2, vector_rate=0.2, step_rate=0.1, first_range=3,
)  # fmt: skip
BY_TRAINED: dict[str, Settings] = {
    "heads": HEADS,
    "lora": dataclasses.replace(HEADS, expert_steps=96, inner_steps=4, outer_steps=200, averaged=1, inner_batch=200),
    "all": dataclasses.replace(HEADS, outer_steps=200, averaged=1),
}
MANY_PAIRS = 300
"""Pairs from which a set can teach more than the first steps of an expert."""
MANY: dict[str, dict[str, Any]] = {
    "heads": {"start_range": 6, "span": 6, "outer_steps": 80, "inner_batch": 250},
    "lora": {},
    "all": {"inner_batch": 250, "outer_steps": 120},
}
FEW_ITEMS = 10_000
"""Train items below which an expert overfits within some hundred steps, so that only its first are followed."""
FEW: dict[str, Any] = {"experts": 16, "expert_rate": 0.1, "expert_steps": 72, "interval": 6}

LARGE_ENCODER = 1_000_000
"""Weights from which a frozen encoder costs so much that only half of the items pass it in an update."""


def resolve(options: VLDDOptions, task: Task) -> Settings:
    """Settings of a stage: the options that were given, and what fits the task for the others."""
    base = paper(task.items) if options.preset == "paper" else automatic(task)
    given = {field.name: getattr(options, field.name, None) for field in dataclasses.fields(base)}
    chosen = dataclasses.replace(base, **{name: value for name, value in given.items() if value is not None})
    last = chosen.expert_steps // chosen.interval
    if last < 1:
        raise OptionError(
            f"method 'vldd': interval={chosen.interval} is more than expert_steps={chosen.expert_steps}, so that an "
            "expert has one snapshot and no path. Lower interval."
        )
    span = min(chosen.span, last)
    start_range = min(chosen.start_range, last - span)
    return dataclasses.replace(
        chosen, span=span, start_range=start_range, first_range=min(chosen.first_range, start_range)
    )


def automatic(task: Task) -> Settings:
    """Settings that need no tuning."""
    settings = BY_TRAINED[task.trained]
    if task.items < FEW_ITEMS:
        settings = dataclasses.replace(settings, **FEW)
    if task.pairs >= MANY_PAIRS:
        settings = dataclasses.replace(settings, **MANY[task.trained])
    if task.trained == "heads" and task.weights >= LARGE_ENCODER:
        settings = dataclasses.replace(settings, share=0.5, outer_steps=120)
    return settings


def paper(items: int) -> Settings:
    """The published settings (VLDD's command for 100 pairs of Flickr30k).

    An epoch, the distance between snapshots, is a pass over the train images; theirs is one over all captions. The rate
    of soft targets, which it does not learn, is LoRS's for those pairs.
    """
    epoch = max(1, items // 128)
    return Settings(
        experts=20, expert_steps=3 * epoch, expert_rate=0.1, expert_batch=128, interval=epoch, start_range=1, span=1,
        inner_steps=8, inner_batch=100, outer_steps=2000, averaged=1, share=1.0, item_rate=1000.0, vector_rate=1000.0,
        step_rate=1e-2, target_rate=10.0, first_range=1, optimiser="sgd", literal=True, inner_rate=0.1,
    )  # fmt: skip

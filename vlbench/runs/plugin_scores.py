"""Scores that plugins declare. The record stores them; they cannot change the ranked ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from vlbench.errors import PluginError
from vlbench.evaluation.retrieval import Ranks, direction
from vlbench.records.record import Measure
from vlbench.records.summary import sample_sd
from vlbench.registry.invoke import call

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench.registry.registry import Registry

Message = Callable[[str], None]


def declared_scores(
    registry: Registry, ranks: Mapping[str, Sequence[Ranks]], counts: Mapping[str, int], message: Message
) -> dict[str, dict[str, dict[str, Measure]]]:
    """Student -> score -> direction -> mean, standard deviation and the value of each seed, in the score's own unit.

    Args:
        registry: knows the scores.
        ranks: student -> ranks of each of its seeds.
        counts: items on either side of test, first side first.
        message: called with which score failed, and of which plugin; it is left out.
    """
    first, second = counts
    galleries = {direction(first, second): counts[second], direction(second, first): counts[first]}
    found: dict[str, dict[str, dict[str, Measure]]] = {student: {} for student in ranks}
    for name in registry.all("score"):
        try:
            values = {student: _summaries(registry, name, seeds, galleries) for student, seeds in ranks.items()}
        except PluginError as error:
            message(f"{error} It is left out of the record.")
            continue
        for student, summaries in values.items():
            found[student][name] = summaries
    return found


def _summaries(
    registry: Registry, name: str, seeds: Sequence[Ranks], galleries: Mapping[str, int]
) -> dict[str, Measure]:
    values = {way: [_value(registry, name, of_seed[way], size) for of_seed in seeds] for way, size in galleries.items()}
    return {way: Measure(mean=fmean(seeds), sd=sample_sd(seeds), seeds=seeds) for way, seeds in values.items()}


def _value(registry: Registry, name: str, ranks: Tensor, size: int) -> float:
    value = call(registry, "score", name, ranks=ranks.clone(), gallery_size=size)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        owner = registry.owner("score", name)
        raise PluginError(f"score {name!r} of plugin {owner!r} returned {value!r}. It must be a finite number.")
    return number

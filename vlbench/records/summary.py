"""Mean and spread of a few numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypedDict


class Summary(TypedDict):
    """A score as records hold it; ``seeds`` is empty where nothing was drawn (chance)."""

    mean: float
    sd: float
    seeds: list[float]


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean of at least one value."""
    return math.fsum(values) / len(values)


def sample_sd(values: Sequence[float]) -> float:
    """Sample standard deviation (n - 1); 0 for a single value."""
    if len(values) < 2:
        return 0.0
    centre = mean(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))


def summarise(values: Sequence[float]) -> Summary:
    """Mean, sample standard deviation and the values of each seed, for a record."""
    return {"mean": mean(values), "sd": sample_sd(values), "seeds": [float(value) for value in values]}

"""Mean and spread of a few numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from vlbench.records.record import Summary


def sample_sd(values: Sequence[float]) -> float:
    """Sample standard deviation (n - 1); 0 for a single value. To the last digit as in records of all versions."""
    if len(values) < 2:
        return 0.0
    centre = fmean(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))


def summarise(values: Sequence[float]) -> Summary:
    """Mean, sample standard deviation and the values of each seed, in percent."""
    return Summary(mean=fmean(values), sd=sample_sd(values), seeds=[float(value) for value in values])

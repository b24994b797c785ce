"""What the scores of a few seeds and some test images say: intervals, paired differences, ranks with ties.

A row is measured in units, one for each distillation run (each fresh student, where a method has nothing to draw), and
every unit on the same test images. Both are random: another seed and another image would have given another score. So
the variance of a row's score is that of a crossed two-way layout, and with three seeds its quantile is Student's t with
degrees of freedom after Satterthwaite (Biometrics Bulletin 2, 1946; for readers x cases Hillis, Statistics in Medicine
26, 2007), the seeds weighing there what their variance may be. docs/statistics.md has the formulas, and by
simulation the coverage and how often the ranks are wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import fmean
from typing import TYPE_CHECKING

from vlbench.board.statistics.distributions import chi_square_quantile, t_quantile, t_tail
from vlbench.records.summary import sample_sd

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]

LEVEL = 0.95
LIMIT = 0.8
"""Degrees of freedom are taken at the upper limit of this level for the seeds' variance."""


@dataclass(frozen=True)
class Sample:
    """One score of one row.

    Attributes:
        units: the score of every unit, in percent.
        images: float64 [unit, image]: what each test image with its captions adds, so that the mean over images is
            the unit's score; None where ranks were not stored.
    """

    units: tuple[float, ...]
    images: Array | None = None

    @cached_property
    def variance(self) -> float:
        """Of the mean of the units, interaction with images included."""
        return sample_sd(self.units) ** 2 / len(self.units)

    @cached_property
    def effects(self) -> Array | None:
        """Of images, over units, around 0: float64 [image]; None where there are not two images."""
        if self.images is None or self.images.shape[1] < 2:
            return None
        effects: Array = self.images.mean(0) - self.images.mean()
        return effects

    @cached_property
    def interaction(self) -> float:
        """Variance of the mean that comes from what units and images do together; with images alone."""
        assert self.images is not None
        units, images = self.images.shape
        rest = self.images - self.images.mean(0) - self.images.mean(1, keepdims=True) + self.images.mean()
        return float((rest**2).sum()) / ((units - 1) * (images - 1) * units * images)


@dataclass(frozen=True)
class Estimate:
    """A number with its variance and the degrees of freedom of that variance."""

    value: float
    variance: float
    freedom: float

    def half_width(self, level: float = LEVEL) -> float:
        """Half the width of the interval that holds the true value in ``level`` of all repetitions."""
        return t_quantile(self.freedom, (1 + level) / 2) * math.sqrt(self.variance)

    def p_value(self) -> float:
        """Two-sided p of the value being 0."""
        if self.variance == 0:
            return float(self.value == 0)
        return 2 * t_tail(self.freedom, abs(self.value) / math.sqrt(self.variance))


def estimate(sample: Sample) -> Estimate:
    """A row's score; ``sample`` has at least two units."""
    return _combine(fmean(sample.units), [_unit_part(sample)], _image_part(sample))


def difference(one: Sample, other: Sample) -> Estimate:
    """``one`` - ``other``, on the same images where both have them; each has at least two units."""
    value = fmean(one.units) - fmean(other.units)
    return _combine(value, [_unit_part(one), _unit_part(other)], _image_part(one, other))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Scandinavian Journal of Statistics 6, 1979): adjusted p, in the order given."""
    order = sorted(range(len(p_values)), key=lambda index: p_values[index])
    adjusted, largest = [0.0] * len(p_values), 0.0
    for step, index in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - step) * p_values[index]))
        adjusted[index] = largest
    return adjusted


def _unit_part(sample: Sample) -> tuple[float, float]:
    """Variance of the mean that comes from the units; its degrees of freedom."""
    return sample.variance, len(sample.units) - 1


def _image_part(*samples: Sample) -> tuple[float, float] | None:
    """Variance that comes from the images alone, of a mean (one sample) or of a difference (two)."""
    known = [sample.effects for sample in samples if sample.effects is not None]
    if len(known) < len(samples) or any(len(effects) != len(known[0]) for effects in known):
        return None
    contrast = known[0] if len(known) == 1 else known[0] - known[1]
    count = len(contrast)
    total = float(contrast @ contrast) / ((count - 1) * count)
    # What units and images do together is in the units' part already.
    return max(total - sum(sample.interaction for sample in samples), 0.0), count - 1


def _combine(value: float, units: Sequence[tuple[float, float]], image: tuple[float, float] | None) -> Estimate:
    """The sum of the parts, as variance and degrees of freedom each.

    Three seeds that happen to lie close together would leave all weight to the images, and with it their many degrees
    of freedom. So where images count too, the seeds weigh as their variance may be, not as it looks.
    """
    seeds = _satterthwaite(units)
    if image is None or seeds[0] == 0:
        return Estimate(value, *(image or seeds))
    may_be = seeds[0] * seeds[1] / chi_square_quantile(seeds[1], LIMIT)
    return Estimate(value, seeds[0] + image[0], _satterthwaite([(may_be, seeds[1]), image])[1])


def _satterthwaite(parts: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Variance of a sum of independent parts, and its degrees of freedom (infinite where nothing varies)."""
    variance = math.fsum(part for part, _ in parts)
    spread = math.fsum(part**2 / freedom for part, freedom in parts)
    return variance, variance**2 / spread if spread else math.inf

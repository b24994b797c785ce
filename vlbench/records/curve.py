"""A learning curve of random pairs: how many of them give the same score. No torch, so that boards read it at once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]

KIND = "learning-curve"
"""Of entries in the cache: a finished curve, under protocol, data, student, seeds and sizes."""
DRAWS = 2000


@dataclass(frozen=True)
class Curve:
    """Mean recall of students of random real pairs.

    Attributes:
        sizes: pairs, rising; the last is one pair of every first-side item.
        scores: size -> percent of each seed.
        train_s: size -> seconds that the protocol's training of such pairs takes; empty where it was not measured.

    Examples:
        >>> from vlbench.records.curve import Curve
        >>> curve = Curve((10, 100, 1000), ((5.0, 6.0), (20.0, 21.0), (50.0, 52.0)))
        >>> round(curve.worth(20.5))
        100
    """

    sizes: tuple[int, ...]
    scores: tuple[tuple[float, ...], ...]
    train_s: tuple[float, ...] = ()

    @property
    def means(self) -> list[float]:
        """Of the seeds, by size."""
        return [sum(values) / len(values) for values in self.scores]

    def worth(self, score: float) -> float:
        """Pairs at which the monotone fit reaches a score; the first or last size where it lies outside."""
        return self._pairs_at(score, self._fit(self.means))

    def interval(self, scores: Sequence[float], *, level: float = 0.95) -> tuple[float, float]:
        """Interval of what the mean of some scores is worth.

        Seeds of every size, and the scores, are drawn again with replacement, 2,000 times.
        """
        import numpy

        generator = numpy.random.default_rng(1)
        drawn = generator.choice(numpy.asarray(scores, float), (DRAWS, len(scores))).mean(1)
        found = [self._pairs_at(float(score), fit) for score, fit in zip(drawn, self._fits, strict=True)]
        low, high = numpy.quantile(found, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def seconds_at(self, pairs: float) -> float | None:
        """Seconds to train on so many pairs, straight between sizes on a log scale; None where nothing was measured."""
        import numpy

        if not self.train_s:
            return None
        return float(numpy.interp(numpy.log(pairs), numpy.log(self.sizes), self.train_s))

    @cached_property
    def _fits(self) -> list[Array]:
        """A monotone fit of each resampling."""
        import numpy

        generator = numpy.random.default_rng(0)
        means = [generator.choice(numpy.asarray(values), (DRAWS, len(values))).mean(1) for values in self.scores]
        return [self._fit(draw) for draw in numpy.stack(means, 1)]

    def _fit(self, means: Sequence[float] | Array) -> Array:
        """Isotonic regression on the sizes, which rise."""
        from scipy.optimize import isotonic_regression

        fit: Array = isotonic_regression(means).x
        return fit

    def _pairs_at(self, score: float, fit: Array) -> float:
        """Straight between sizes on a log scale; of a flat stretch the fewest pairs count."""
        import numpy

        rising = numpy.concatenate([[True], numpy.diff(fit) > 0])
        return float(numpy.exp(numpy.interp(score, fit[rising], numpy.log(self.sizes)[rising])))


def find_curve(cache: Path, protocol: str, data: str, student: str) -> Curve | None:
    """The finished curve of a student under a protocol, that of most trainings; None where the cache holds none."""
    from vlbench.cache import DATA, KEY, entry_problem

    wanted = {"protocol": protocol, "data": data, "student": student}
    found: list[Curve] = []
    for path in sorted((cache / KIND).glob(f"*/{KEY}")):
        if entry_problem(path.parent):
            continue
        key = json.loads(path.read_text(encoding="utf-8"))
        if all(key.get(name) == value for name, value in wanted.items()):
            found.append(_read(path.parent / DATA))
    return max(found, key=lambda curve: sum(map(len, curve.scores)), default=None)


def _read(file: Path) -> Curve:
    import numpy
    from safetensors.numpy import load_file

    held = load_file(file)
    train_s = () if numpy.isnan(held["train_s"]).any() else tuple(map(float, held["train_s"]))
    scores = tuple(tuple(map(float, row)) for row in held["scores"])
    return Curve(tuple(map(int, held["sizes"])), scores, train_s)

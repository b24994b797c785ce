"""Which rows of a group can be told apart, and the ranks that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from vlbench.board.statistics.intervals import LEVEL, Estimate, Sample, difference, holm


@dataclass(frozen=True)
class Difference:
    """Two rows of one group, compared on the same test images.

    Attributes:
        first, second: their positions among the ranked rows.
        points: mean recall of the first - that of the second.
        interval: the 95 % interval of that difference alone.
        p: two-sided, Holm-corrected for all pairs of the group; the rows are told apart at 0.05 or less.
    """

    first: int
    second: int
    points: float
    interval: tuple[float, float]
    p: float


@dataclass(frozen=True)
class Ranking:
    """Ranks of some rows by one score.

    Attributes:
        ranks: of every row, the places it may have: ``"2"``, or ``"1-3"`` where it cannot be told from others.
        resolution: the smallest difference between two rows that would have been told apart, in points; None where
            there are no two rows.
        differences: of every pair.
    """

    ranks: tuple[str, ...]
    resolution: float | None
    differences: tuple[Difference, ...]


def rank(samples: Sequence[Sample]) -> Ranking:
    """Compare every row with every other, Holm-corrected.

    A row's best place is 1 + the number of rows that are surely better, its worst the number of rows that are not
    surely worse: confidence sets that hold for all rows at once (Mogstad, Romano, Shaikh and Wilhelm, Review of
    Economic Studies 91, 2024).
    """
    pairs = list(combinations(range(len(samples)), 2))
    found = [difference(samples[one], samples[other]) for one, other in pairs]
    adjusted = holm([each.p_value() for each in found])
    better, worse = [0] * len(samples), [0] * len(samples)
    for (one, other), estimate, p in zip(pairs, found, adjusted, strict=True):
        if p <= 1 - LEVEL:
            winner, loser = (one, other) if estimate.value > 0 else (other, one)
            better[loser] += 1
            worse[winner] += 1
    strictest = 1 - (1 - LEVEL) / max(len(pairs), 1)
    return Ranking(
        ranks=tuple(_places(1 + above, len(samples) - below) for above, below in zip(better, worse, strict=True)),
        resolution=min((each.half_width(strictest) for each in found), default=None),
        differences=tuple(map(_difference, pairs, found, adjusted)),
    )


def _difference(pair: tuple[int, int], estimate: Estimate, p: float) -> Difference:
    half = estimate.half_width()
    return Difference(*pair, estimate.value, (estimate.value - half, estimate.value + half), p)


def _places(best: int, worst: int) -> str:
    return str(best) if best == worst else f"{best}-{worst}"

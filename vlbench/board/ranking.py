"""Which rows of a group can be told apart, and the ranks that follow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from vlbench.board.inference import LEVEL, Sample, difference, holm


@dataclass(frozen=True)
class Ranking:
    """Ranks of some rows by one score.

    Attributes:
        ranks: of every row, the places it may have: ``"2"``, or ``"1-3"`` where it cannot be told from others.
        resolution: the smallest difference between two rows that would have been told apart, in points; None where
            there are no two rows.
    """

    ranks: tuple[str, ...]
    resolution: float | None


def rank(samples: Sequence[Sample]) -> Ranking:
    """Compare every row with every other, Holm-corrected.

    A row's best place is 1 + the number of rows that are surely better, its worst the number of rows that are not
    surely worse: confidence sets that hold for all rows at once (Mogstad, Romano, Shaikh and Wilhelm, Review of
    Economic Studies 91, 2024).
    """
    pairs = list(combinations(range(len(samples)), 2))
    found = [difference(samples[one], samples[other]) for one, other in pairs]
    better, worse = [0] * len(samples), [0] * len(samples)
    for (one, other), estimate, p in zip(pairs, found, holm([each.p_value() for each in found]), strict=True):
        if p <= 1 - LEVEL:
            winner, loser = (one, other) if estimate.value > 0 else (other, one)
            better[loser] += 1
            worse[winner] += 1
    strictest = 1 - (1 - LEVEL) / max(len(pairs), 1)
    return Ranking(
        tuple(_places(1 + above, len(samples) - below) for above, below in zip(better, worse, strict=True)),
        min((each.half_width(strictest) for each in found), default=None),
    )


def _places(best: int, worst: int) -> str:
    return str(best) if best == worst else f"{best}-{worst}"

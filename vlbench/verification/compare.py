"""Students trained again on a claim's artifact, and whether the claim lies inside what they say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

from vlbench.records.record import Record, Setting, StudentScores
from vlbench.records.summary import sample_sd
from vlbench.verification.checks import ClaimCheck, recalls_of

LEVEL = 0.95


@dataclass(frozen=True)
class Comparison:
    """A claimed mean recall and that of students trained here.

    Attributes:
        student: whose.
        claimed, here: means, in percent.
        low, high: where the claim's mean must lie.
        agrees: whether it does, and every single recall too, at the same level for all of them together.
        equal: how many of the numbers of all seeds are the same to the last digit.
        numbers: how many there are.
    """

    student: str
    claimed: float
    here: float
    low: float
    high: float
    agrees: bool
    equal: int
    numbers: int


def prediction_interval(values: Sequence[float], count: int, *, level: float, step: float) -> tuple[float, float]:
    """Where the mean of ``count`` further draws lies with probability ``level``, given some draws of a normal.

    The half width is t(n - 1) * s * sqrt(1/n + 1/count). Only the draws made here enter: a claim cannot widen it.

    Args:
        values: draws, at least 2.
        count: draws of the mean that is judged.
        level: as 0.95.
        step: least half width: what one query more or less is worth, where the draws do not differ at all.
    """
    from scipy.stats import t

    spread = float(t.ppf((1 + level) / 2, len(values) - 1)) * sample_sd(values)
    half = max(spread * math.sqrt(1 / len(values) + 1 / count), step)
    return fmean(values) - half, fmean(values) + half


class ScoredClaim(Protocol):
    """Scores of an artifact, or of what it started from: a record, its start, or what students gave here."""

    @property
    def scores(self) -> Mapping[str, StudentScores]:
        """Student -> scores."""

    @property
    def chosen(self) -> Mapping[str, Setting]:
        """Student -> the recipe chosen on val."""


def compare_scores(claimed: ScoredClaim, here: ScoredClaim, *, step: float) -> Iterator[Comparison]:
    """A comparison for every student; ``step`` is what one query is worth, in percent."""
    for student, said in claimed.scores.items():
        found = here.scores[student]
        ours, theirs = recalls_of(found), recalls_of(said)
        whole = (found.mean_recall.seeds, said.mean_recall.seeds)
        pairs = [(ours[name].seeds, theirs[name].seeds) for name in ours]
        low, high = prediction_interval(whole[0], len(whole[1]), level=LEVEL, step=step)
        inside = low <= fmean(whole[1]) <= high
        for own, other in pairs:
            part = prediction_interval(own, len(other), level=1 - (1 - LEVEL) / len(ours), step=step)
            inside &= part[0] <= fmean(other) <= part[1]
        numbers = [pair for seeds in (*pairs, whole) for pair in zip(*seeds, strict=True)]
        equal = sum(a == b for a, b in numbers)
        yield Comparison(student, fmean(whole[1]), fmean(whole[0]), low, high, inside, equal, len(numbers))


def retrained_checks(
    record: Record, here: ScoredClaim, start: ScoredClaim | None, *, step: float
) -> tuple[list[ClaimCheck], list[Comparison]]:
    """One check for the artifact, and one for what it started from where there is one."""
    comparisons = list(compare_scores(record, here, step=step))
    checks = [_check("retrained", comparisons, record, here)]
    if record.start is not None and start is not None:
        of_start = list(compare_scores(record.start, start, step=step))
        checks.append(_check("retrained start", of_start, record.start, start))
    return checks, comparisons


def _check(name: str, comparisons: Sequence[Comparison], claimed: ScoredClaim, here: ScoredClaim) -> ClaimCheck:
    lines = [
        f"{c.student}: {c.claimed:.2f} claimed, {c.low:.2f} to {c.high:.2f} here"
        f" ({c.equal} of {c.numbers} numbers equal)"
        for c in comparisons
    ]
    differs = [student for student, chosen in claimed.chosen.items() if here.chosen[student] != chosen]
    if differs:
        lines.append(f"val chose another setting here for {', '.join(differs)}")
    return ClaimCheck(name, "ok" if all(c.agrees for c in comparisons) else "failed", "; ".join(lines))

"""Students trained again on a claim's artifact, and whether the claim lies inside what they say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlbench.records.summary import mean, sample_sd
from vlbench.verification.checks import Check

Scores = Mapping[str, Any]
LEVEL = 0.95


@dataclass(frozen=True)
class Comparison:
    """A claimed mean recall beside that of students trained here.

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


def interval(values: Sequence[float], count: int, *, level: float, step: float) -> tuple[float, float]:
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
    return mean(values) - half, mean(values) + half


def compare(claimed: Mapping[str, Scores], here: Mapping[str, Scores], *, step: float) -> Iterator[Comparison]:
    """A comparison for every student; ``step`` is what one query is worth, in percent."""
    for student, scores in claimed.items():
        ours, theirs = dict(_cells(here[student])), dict(_cells(scores))
        numbers = [pair for name in ours for pair in zip(ours[name], theirs[name], strict=True)]
        whole, said = ours["mean_recall"], theirs["mean_recall"]
        low, high = interval(whole, len(said), level=LEVEL, step=step)
        inside = low <= mean(said) <= high
        parts = 1 - (1 - LEVEL) / (len(ours) - 1)
        for name in ours.keys() - {"mean_recall"}:
            least, most = interval(ours[name], len(theirs[name]), level=parts, step=step)
            inside &= least <= mean(theirs[name]) <= most
        equal = sum(a == b for a, b in numbers)
        yield Comparison(student, mean(said), mean(whole), low, high, inside, equal, len(numbers))


def _cells(scores: Scores) -> Iterator[tuple[str, list[float]]]:
    for name, cuts in scores.items():
        if name == "mean_recall":
            yield name, cuts["seeds"]
        else:
            yield from ((f"{name} {cut}", cell["seeds"]) for cut, cell in cuts.items())


def retrained_checks(
    record: Mapping[str, Any], here: Mapping[str, Any], *, step: float
) -> tuple[list[Check], list[Comparison]]:
    """One check for the artifact, and one for what it started from where there is one."""
    checks, found = [], []
    for name, claimed, ours in (
        ("retrained", record, here),
        ("retrained start", record.get("start"), here.get("start")),
    ):
        if claimed is None or ours is None:
            continue
        comparisons = list(compare(claimed["scores"], ours["scores"], step=step))
        lines = [
            f"{c.student}: {c.claimed:.2f} claimed, {c.low:.2f} to {c.high:.2f} here"
            f" ({c.equal} of {c.numbers} numbers equal)"
            for c in comparisons
        ]
        differs = [s for s, chosen in claimed["chosen"].items() if ours["chosen"][s] != chosen]
        if differs:
            lines.append(f"val chose another setting here for {', '.join(differs)}")
        checks.append(Check(name, "ok" if all(c.agrees for c in comparisons) else "failed", "; ".join(lines)))
        found += comparisons if name == "retrained" else []
    return checks, found

"""One artifact that is handed in as several distillation seeds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from vlbench.artifacts.artifact import Artifact, DistilledPairs, Selection, load_artifact
from vlbench.errors import VlbenchError
from vlbench.records.record import FoundRecord, Record

SAME_RUN = ("method", "budget", "suite", "protocol_hash", "data_fingerprint", "options")
SAME_DATA = ("suite", "protocol_hash", "data_fingerprint")
MOST_EQUAL = 0.5
"""Share of learned pairs that two seeds may have in common, bit for bit on every side."""


def twin_problems(record: Record, artifact: Artifact, others: Sequence[FoundRecord]) -> Iterator[str]:
    """Runs of another seed, and distilled ones of another method, that hold the claim's artifact or most of its pairs.

    Args:
        record: of a claim whose method draws.
        artifact: of that claim.
        others: runs that are here, with their folders.
    """
    for other in others:
        copied = other.method != record.method and record.family == other.family == "distillation"
        same = all(getattr(other, name) == getattr(record, name) for name in (SAME_DATA if copied else SAME_RUN))
        if not same or other.folder is None or (other.seed == record.seed and not copied) or other.status != "finished":
            continue
        try:
            theirs = load_artifact(other.folder)
        except VlbenchError:
            continue
        if is_twin(artifact, theirs):
            of = f"method {other.method!r}" if copied else f"seed {other.seed}"
            yield f"seed {record.seed} holds the artifact of {of} in {other.folder}"


def is_twin(one: Artifact, other: Artifact) -> bool:
    """Whether two artifacts are the same real pairs, or share more than half of their learned pairs."""
    if isinstance(one, Selection) and isinstance(other, Selection):
        return set(one.indices.tolist()) == set(other.indices.tolist())
    if not isinstance(one, DistilledPairs) or not isinstance(other, DistilledPairs):
        return False
    mine, theirs = _pairs(one), _pairs(other)
    return len(mine & theirs) > MOST_EQUAL * min(len(mine), len(theirs))


def _pairs(artifact: DistilledPairs) -> set[tuple[bytes, ...]]:
    sides = [artifact.sides[side].contiguous().numpy() for side in sorted(artifact.sides)]
    return {tuple(side[pair].tobytes() for side in sides) for pair in range(len(artifact))}

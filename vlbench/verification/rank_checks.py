"""Whether the ranks of every query are those that the scores were made from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.errors import DataError
from vlbench.records.ranks import FILE_NAME, read_ranks
from vlbench.verification.checks import ClaimCheck, verdict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vlbench.records.ranks import Block
    from vlbench.records.record import Record
    from vlbench.runs.session import Session

UNMATCHED = 2**31 - 1
"""Rank of a query without a match."""
SINCE = 2
"""Schema of the first records that keep ranks."""


def rank_checks(record: Record, version: int, folder: Path) -> list[ClaimCheck]:
    """Whether the ranks next to a record reproduce its scores; ``version`` is the schema it was written in."""
    try:
        blocks = read_ranks(folder)
    except DataError as error:
        return [ClaimCheck("ranks", "failed", str(error))]
    if blocks is None:
        old = version < SINCE
        return [
            ClaimCheck("ranks", "open" if old else "failed", f"{FILE_NAME} is missing" + " (schema 1 kept none)" * old)
        ]
    count = sum(len(ranks) for _, ranks, _ in blocks)
    return [verdict("ranks", list(_problems(record, blocks)), f"{count:,} ranks reproduce every recall")]


def _problems(record: Record, blocks: list[Block]) -> Iterator[str]:
    found = {key: ranks for key, ranks, _ in blocks}
    expected = {
        (student, seed, direction): {cut: summary.seeds[seed] for cut, summary in cuts.items()}
        for student, scores in record.scores.items()
        for direction, cuts in scores.directions.items()
        for seed in range(len(scores.mean_recall.seeds))
    }
    if found.keys() != expected.keys():
        yield "they are not of the students, seeds and directions of the scores"
        return
    for key, recalls in expected.items():
        ranks = found[key]
        if int(ranks.min()) < 1:
            yield f"a rank of {key} is below 1"
        for cut, value in recalls.items():
            here = 100 * float((ranks <= int(cut.removeprefix("R@"))).mean())
            if abs(here - value) > 1e-9:
                yield f"{key[0]}, seed {key[1]}: {key[2]} {cut} is {value}, the ranks give {here}"


def cluster_problems(folder: Path, session: Session) -> Iterator[str]:
    """Whether queries and their clusters are those of the test split."""
    from vlbench.evaluation.retrieval import clusters

    test = session.scored
    expected = clusters(test.pairs, {side: test.count(side) for side in session.dataset.sides})
    sides = dict(zip(expected, reversed([test.count(side) for side in session.dataset.sides]), strict=True))
    for (_, _, direction), ranks, found in read_ranks(folder) or []:
        if direction not in expected or found.tolist() != expected[direction].tolist():
            yield f"the queries of {direction} are not those of the test split"
            return
        if ((ranks > sides[direction]) & (ranks != UNMATCHED)).any():
            yield f"a rank of {direction} is above the {sides[direction]} items that are ranked"
            return


def pattern_problems(claimed: Path, here: Path) -> Iterator[str]:
    """Whether the queries that are found are those that students trained here find.

    Each student's reciprocal ranks here are correlated over the queries with the mean of the others here. The claim's
    mean has less noise than one student has, so it must not correlate less with the mean here than the least like of
    them; :data:`SLACK` of that is enough.
    """
    import numpy

    ours, theirs = (_reciprocal(read_ranks(folder) or []) for folder in (here, claimed))
    for key, values in ours.items():
        mean = values.mean(0)
        if key not in theirs or len(values) < 2 or theirs[key].shape[1:] != mean.shape or not mean.std():
            continue
        rest = [(values.sum(0) - one) / (len(values) - 1) for one in values]
        least = min(_correlation(one, other) for one, other in zip(values, rest, strict=True))
        found = _correlation(theirs[key].mean(0), mean)
        if found < SLACK * least or numpy.isnan(found):
            yield f"{key[0]}, {key[1]}: its hits are at other queries than those of students trained here"


SLACK = 0.8


def _reciprocal(blocks: list[Block]) -> dict[tuple[str, str], NDArray[Any]]:
    """(student, direction) -> 1 / rank [student seed, query]."""
    import numpy

    found: dict[tuple[str, str], list[NDArray[Any]]] = {}
    for (student, _, direction), ranks, _ in blocks:
        found.setdefault((student, direction), []).append(1 / ranks.astype(numpy.float64))
    return {key: numpy.stack(values) for key, values in found.items()}


def _correlation(one: NDArray[Any], other: NDArray[Any]) -> float:
    import numpy

    if not one.std() or not other.std():
        return 0.0
    return float(numpy.corrcoef(one, other)[0, 1])


def equal_ranks(claimed: Path, here: Path) -> str:
    """How many ranks are the same as those of students trained here."""
    ours = {key: ranks for key, ranks, _ in read_ranks(here) or []}
    theirs = {key: ranks for key, ranks, _ in read_ranks(claimed) or []}
    pairs = [(ours[key], ranks) for key, ranks in theirs.items() if key in ours and len(ours[key]) == len(ranks)]
    equal, count = sum(int((a == b).sum()) for a, b in pairs), sum(len(a) for a, _ in pairs)
    return f"{equal:,} of {count:,} ranks equal" if count else ""

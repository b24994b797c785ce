"""Whether the ranks of every query are those that the scores were made from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vlbench.errors import DataError
from vlbench.records.ranks import FILE_NAME, read_ranks
from vlbench.verification.checks import ClaimCheck, verdict

if TYPE_CHECKING:
    from vlbench.records.ranks import Block
    from vlbench.records.record import Record
    from vlbench.runs.session import Session

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
    for (_, _, direction), _, found in read_ranks(folder) or []:
        if direction not in expected or found.tolist() != expected[direction].tolist():
            yield f"the queries of {direction} are not those of the test split"
            return


def equal_ranks(claimed: Path, here: Path) -> str:
    """How many ranks are the same as those of students trained here."""
    ours = {key: ranks for key, ranks, _ in read_ranks(here) or []}
    theirs = {key: ranks for key, ranks, _ in read_ranks(claimed) or []}
    pairs = [(ours[key], ranks) for key, ranks in theirs.items() if key in ours and len(ours[key]) == len(ranks)]
    equal, count = sum(int((a == b).sum()) for a, b in pairs), sum(len(a) for a, _ in pairs)
    return f"{equal:,} of {count:,} ranks equal" if count else ""

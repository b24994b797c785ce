"""Whether a record is one that a board can show: its numbers are those of its seeds, its parts fit together."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import fmean

from vlbench.budget import Budget
from vlbench.errors import BudgetError
from vlbench.records.record import Record, StudentScores

TOLERANCE = 1e-6
"""Percent by which a mean may be off."""
UNBUDGETED = ("full", "chance")
NEAREST = ("readable", "nearest-real")


def record_problem(record: Record) -> str:
    """What a record has that no board can show, though every field is of its type; "" where there is nothing."""
    return next(_problems(record), "")


def _problems(record: Record) -> Iterator[str]:
    if record.budget not in UNBUDGETED:
        yield from _budget(record.budget)
    if record.status != "finished":
        return
    if not record.scores:
        yield "it is finished and has no scores"
    starts = record.start.scores if record.start else {}
    for student, scores in (*record.scores.items(), *starts.items()):
        yield from (f"{student}: {problem}" for problem in _scores(scores))
    if record.reference and record.reference not in record.scores:
        yield f"there are no scores of the student that methods saw, {record.reference!r}"
    if set(starts) - set(record.scores):
        yield "its start was scored with other students"
    for name, near in record.nearest.items():
        if name not in NEAREST or set(near.scores) - set(record.scores):
            yield f"rows of near items are {name!r} with students {', '.join(near.scores)}"


def _budget(text: str) -> Iterator[str]:
    try:
        if str(Budget.parse(text)) != text:
            yield f"budget {text!r} is written {str(Budget.parse(text))!r}"
    except BudgetError as error:
        yield str(error)


def _scores(scores: StudentScores) -> Iterator[str]:
    summaries = [summary for cuts in scores.directions.values() for summary in cuts.values()]
    if len(scores.directions) != 2 or len({tuple(cuts) for cuts in scores.directions.values()}) != 1:
        yield "not two directions with the same cuts"
    counts = {len(summary.seeds) for summary in (*summaries, scores.mean_recall)}
    if len(counts) != 1:
        yield f"other seeds in one score than in another ({', '.join(map(str, sorted(counts)))})"
    for summary in (*summaries, scores.mean_recall):
        if summary.seeds and not math.isclose(summary.mean, fmean(summary.seeds), rel_tol=0, abs_tol=TOLERANCE):
            yield f"a mean is {summary.mean}, its seeds give {fmean(summary.seeds)}"

"""Whether a record is one that a board can show: of the form that ships, and its numbers those of its seeds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from vlbench.budget import Budget
from vlbench.errors import BudgetError
from vlbench.records.schema import schema_problems
from vlbench.records.summary import mean

Record = Mapping[str, Any]
TOLERANCE = 1e-6
"""Percent by which a mean may be off."""
UNBUDGETED = ("full", "chance")


def record_problem(record: Record) -> str:
    """What a record of the newest schema has that no board can show; "" where there is nothing."""
    form = schema_problems(record)
    return form[0] if form else next(_problems(record), "")


def _problems(record: Record) -> Iterator[str]:
    if record["budget"] not in UNBUDGETED:
        yield from _budget(record["budget"])
    if record["status"] != "finished":
        return
    if not record["scores"]:
        yield "it is finished and has no scores"
    parts = [record["scores"], (record.get("start") or {}).get("scores") or {}]
    for student, scores in ((student, scores) for part in parts for student, scores in part.items()):
        yield from (f"{student}: {problem}" for problem in _scores(scores))
    reference = record.get("reference")
    if reference is not None and reference not in record["scores"]:
        yield f"there are no scores of the student that methods saw, {reference!r}"
    if set(parts[1]) - set(parts[0]):
        yield "its start was scored with other students"


def _budget(text: str) -> Iterator[str]:
    try:
        if str(Budget.parse(text)) != text:
            yield f"budget {text!r} is written {str(Budget.parse(text))!r}"
    except BudgetError as error:
        yield str(error)


def _scores(scores: Mapping[str, Any]) -> Iterator[str]:
    summaries = [cell for name, cuts in scores.items() if name != "mean_recall" for cell in cuts.values()]
    if len(scores) != 3 or len({tuple(cuts) for name, cuts in scores.items() if name != "mean_recall"}) != 1:
        yield "not two directions with the same cuts"
    counts = {len(cell["seeds"]) for cell in (*summaries, scores["mean_recall"])}
    if len(counts) != 1:
        yield f"other seeds in one cell than in another ({', '.join(map(str, sorted(counts)))})"
    for cell in (*summaries, scores["mean_recall"]):
        if cell["seeds"] and not math.isclose(cell["mean"], mean(cell["seeds"]), rel_tol=0, abs_tol=TOLERANCE):
            yield f"a mean is {cell['mean']}, its seeds give {mean(cell['seeds'])}"

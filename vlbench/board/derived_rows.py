"""Rows that follow from a distilled row: its start, random pairs of its size, train items near it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from vlbench.budget import Budget
from vlbench.records.record import FoundRecord, StartRecord

START, AS_MANY_BYTES, AS_MANY_PAIRS = "start of ", "-bytes of ", "-pairs of "
READABLE, NEAREST_REAL = "readable of ", "nearest-real of "
"""In the name of such a row, before the distilled row's method; a method's own name has no blank."""


def with_derived_rows(records: Iterable[FoundRecord]) -> Iterator[FoundRecord]:
    """Records as they stand in a table; the order does not matter.

    ``random-bytes of vldd`` is random pairs that fit in the bytes of a row of ``vldd``, at a budget in pairs;
    ``random-pairs of vldd`` is as many random pairs as it has, at one in bytes; ``start of vldd`` the real pairs that
    it began with. ``readable of vldd`` and ``nearest-real of vldd`` are train items near its pairs, where the
    protocol asks for them; those of a claim are left out, since nobody has checked them. Each has the budget and the
    options of its row.
    """
    for record in records:
        if record.matched_to is None:
            yield record
        else:
            size = AS_MANY_BYTES if Budget.parse(record.budget).unit == "bytes" else AS_MANY_PAIRS
            row = record.matched_to
            name = f"{record.method}{size}{row.method}"
            yield replace(record, method=name, budget=row.budget, options=row.options, baseline=True)
        if record.status == "finished" and record.start is not None:
            yield _derived(record, START, record.start)
        if record.status == "finished" and not record.origin:
            yield from (_derived(record, f"{name} of ", part) for name, part in record.nearest.items())


def _derived(record: FoundRecord, prefix: str, start: StartRecord) -> FoundRecord:
    # The folder holds the files of the result, not of the start, and the warnings are of the result.
    return replace(
        record,
        method=f"{prefix}{record.method}",
        scores=start.scores,
        chosen=start.chosen,
        cost=start.cost,
        baseline=True,
        warnings=[],
        folder=None,
    )

"""Which test queries a run's students found, from the ranks kept beside its record."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.board.ranks import read_ranks
from vlbench.board.sampling import Record
from vlbench.errors import DataError

if TYPE_CHECKING:
    import numpy

    Ranks = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.int32]]

BANDS = (1, 5, 10, 100)
"""Last rank of each band; one more band holds the rest."""
FIRST, LAST = 1, 10
NAMED = 12
"""Queries named as examples."""


def hits(record: Record, student: str) -> list[dict[str, Any]] | None:
    """What became of the queries of each direction; None where no ranks of the student were kept, or none can be read.

    Returns:
        for each direction: ``queries`` and ``students``, how many; ``bands``, percent of queries by rank; ``always``,
        queries that every student ranked first, and ``never``, those that none ranked among the first ten, as
        ``{"count": ..., "such_as": [...]}`` with the numbers of queries in the test split.
    """
    import numpy

    try:
        blocks = read_ranks(Path(record["folder"])) if "folder" in record else None
    except DataError:
        return None
    ranks: dict[str, list[Ranks]] = {}
    for (of_student, _, direction), values, _ in blocks or ():
        if of_student == student:
            ranks.setdefault(direction, []).append(values)
    same = {name: numpy.stack(rows) for name, rows in ranks.items() if len({len(row) for row in rows}) == 1}
    return [_direction(name, at) for name, at in same.items() if at.size] or None


def _direction(name: str, ranks: Ranks) -> dict[str, Any]:
    """Of int32 [student, query]."""
    import numpy

    bands = numpy.bincount(numpy.searchsorted(BANDS, ranks.ravel()), minlength=len(BANDS) + 1)
    return {
        "direction": name,
        "students": len(ranks),
        "queries": ranks.shape[1],
        "bands": [round(100 * int(count) / ranks.size, 1) for count in bands],
        "always": _some(numpy.flatnonzero(ranks.max(0) <= FIRST).tolist()),
        "never": _some(numpy.flatnonzero(ranks.min(0) > LAST).tolist()),
    }


def _some(queries: list[int]) -> dict[str, Any]:
    return {"count": len(queries), "such_as": queries[:NAMED]}

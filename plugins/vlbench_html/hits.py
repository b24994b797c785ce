"""Which test queries a run's students found, from the ranks next to its record, and the examples of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.board import damage, found_and_missed, read_ranks
from vlbench.errors import DataError
from vlbench_html.gallery import Pictures

if TYPE_CHECKING:
    import numpy

    from vlbench.board import FoundRecord

    Ranks = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.int32]]

BANDS = (1, 5, 10, 100)
"""Last rank of each band; one more band holds the rest."""
NAMED = 12
"""Queries named as examples."""
LARGEST_FILE = 1 << 20


def hits(record: FoundRecord, student: str, pictures: Pictures) -> list[dict[str, Any]] | None:
    """What became of the queries of each direction; None where the student has no ranks that can be read.

    Returns:
        for each direction: ``queries`` and ``students``, how many; ``bands``, percent of queries by rank; ``always``,
        queries that every student ranked first, and ``never``, those that none ranked among the first ten, as
        ``{"count": ..., "such_as": [...], "shown": [...]}``: numbers of queries in the test split, and for the first
        of them where the run stored it, the ``caption`` and the number of the ``picture`` of their pair.
    """
    import numpy

    try:
        blocks = read_ranks(record.folder) if record.folder is not None else None
    except DataError:
        return None
    ranks: dict[str, list[Ranks]] = {}
    for (of_student, _, direction), values, _ in blocks or ():
        if of_student == student:
            ranks.setdefault(direction, []).append(values)
    same = {name: numpy.stack(rows) for name, rows in ranks.items() if len({len(row) for row in rows}) == 1}
    examples = _examples(record.folder, pictures) if same and record.folder is not None else {}
    return [_direction(name, at, examples.get(name, {})) for name, at in same.items() if at.size] or None


def _direction(name: str, ranks: Ranks, examples: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """Of int32 [student, query]."""
    import numpy

    bands = numpy.bincount(numpy.searchsorted(BANDS, ranks.ravel()), minlength=len(BANDS) + 1)
    always, never = found_and_missed(ranks)
    return {
        "direction": name,
        "students": len(ranks),
        "queries": ranks.shape[1],
        "bands": [round(100 * int(count) / ranks.size, 1) for count in bands],
        "always": _some(always, examples),
        "never": _some(never, examples),
    }


def _some(queries: list[int], examples: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    named = queries[:NAMED]
    shown = [examples[query] for query in named if query in examples]
    return {"count": len(queries), "such_as": named, "shown": shown}


def _examples(folder: Path, pictures: Pictures) -> dict[str, dict[int, dict[str, Any]]]:
    """Direction -> query -> its pair as the page shows it; empty where the run has none that can be read."""
    import numpy

    try:
        if (folder / "hits.json").stat().st_size > LARGEST_FILE or damage(folder, "hits.json", "hits.npy"):
            return {}
        kept = json.loads((folder / "hits.json").read_text(encoding="utf-8"))
        drawn = any(one["picture"] is not None for of_name in kept.values() for one in of_name.values())
        pixels = numpy.load(folder / "hits.npy", mmap_mode="r", allow_pickle=False) if drawn else None
        return {
            str(name): {
                int(query): {
                    "caption": str(one["caption"]),
                    "picture": None if one["picture"] is None else pictures.number(pixels, one["picture"]),
                }
                for query, one in of_name.items()
            }
            for name, of_name in kept.items()
        }
    except Exception:  # a stranger's files may make their readers raise anything
        return {}

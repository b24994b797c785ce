"""From records to the entries of a table: starting points, and random pairs of a row's size, stand beside that row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from vlbench.budget import Budget

Record = Mapping[str, Any]
START, RANDOM_BYTES, RANDOM_PAIRS = "start", "random-bytes", "random-pairs"


def entries(records: Iterable[Record]) -> Iterator[Record]:
    """Records as they stand in a table; the order does not matter.

    ``random-bytes`` is random pairs that weigh what a distilled row weighs, in the division of pairs; ``random-pairs``
    as many random pairs as it has, in that of bytes; ``start`` the real pairs that it began with. Each has the options
    of its row, and ``of``, its method.
    """
    for record in records:
        beside = record.get("beside")
        if not beside:
            yield record
        else:
            name = RANDOM_BYTES if Budget.parse(record["budget"]).unit == "bytes" else RANDOM_PAIRS
            yield _beside(record, name, beside)
        if record["status"] == "finished" and record.get("start"):
            # What lies in the folder is the result's, not the start's.
            kept = {field: value for field, value in record.items() if field != "folder"}
            yield _beside({**kept, "cost": {}, **record["start"]}, START, record)


def _beside(record: Record, name: str, row: Record) -> Record:
    options = {"of": row["method"], **row["options"]}
    return {**record, "method": name, "budget": row["budget"], "options": options, "always_on": True}

"""Boards of several machines go together only where their rows may be compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from vlbench.board.gather import Gathered, drawn, gather, without_doubles
from vlbench.board.leaderboard import DECIDING, build_table
from vlbench.board.table import LeftOut, Table
from vlbench.board.worth import with_worth
from vlbench.disk.place import default_cache
from vlbench.errors import DataError
from vlbench.records.curve import find_curve
from vlbench.records.record import FoundRecord

Key = tuple[str, ...]
"""The deciding fields of a record, as text."""


def read_table(paths: Sequence[Path], *, mixed: bool = False) -> Table:
    """The table of all runs under some paths; of the folder ``runs``, where there is one, if none is given.

    Runs of which no table can be made, whatever is in their folders, stand in its ``left_out`` with the reason.

    Raises:
        DataError: a path does not exist, or two folders cannot be compared.
    """
    return drawn(read_boards(paths, mixed=mixed), table_of)[0]


def read_boards(paths: Sequence[Path], *, mixed: bool = False) -> Gathered:
    """The runs that a table of some paths is made of, and those that are left out; errors as of :func:`read_table`."""
    default = [Path("runs")] if Path("runs").is_dir() else []
    boards = {path: gather([path]) for path in paths or default}
    records = merge({path: board.records for path, board in boards.items()}, mixed=mixed)
    left = {one.folder: one for board in boards.values() for one in board.left_out}
    return without_doubles(Gathered(records, list(left.values())))


def table_of(records: Sequence[FoundRecord], left_out: Sequence[LeftOut]) -> Table:
    """The table of some runs, which names those that are left out; with worth where the cache holds a curve."""
    find = partial(find_curve, default_cache())
    return with_worth(replace(build_table(records), left_out=tuple(left_out)), find)


def merge(boards: Mapping[Path, Sequence[FoundRecord]], *, mixed: bool = False) -> list[FoundRecord]:
    """Records of several folders, each once.

    Two folders with the same suite have to share it under one protocol and on the same data, or no row of the one could
    be compared with any of the other. Records off protocol stand apart anyway and do not count.

    Args:
        boards: path that was given -> the records found there.
        mixed: do not ask; what cannot be compared stands in tables of its own.

    Raises:
        DataError: two folders have a suite under different protocols or on different data; names the field.
    """
    keys = {path: _keys(records) for path, records in boards.items()}
    paths = list(boards)
    for number, path in enumerate(paths if not mixed else []):
        for other in paths[:number]:
            for suite in sorted(keys[path].keys() & keys[other].keys()):
                if keys[path][suite].isdisjoint(keys[other][suite]):
                    raise DataError(_refusal(suite, {at: min(keys[at][suite]) for at in (other, path)}))
    found = [record for records in boards.values() for record in records]
    return list({(record.folder or Path(record.id)).resolve(): record for record in found}.values())


def _keys(records: Sequence[FoundRecord]) -> dict[str, set[Key]]:
    """Suite -> the deciding fields of its records."""
    found: dict[str, set[Key]] = {}
    for record in records:
        if not record.overrides:
            found.setdefault(record.suite, set()).add(tuple(str(getattr(record, name) or "") for name in DECIDING))
    return found


def _refusal(suite: str, keys: Mapping[Path, Key]) -> str:
    (one, other), (first, second) = keys, keys.values()
    lines = [
        f"  {name}: {a[:16] or 'none'} in {str(one)!r}, {b[:16] or 'none'} in {str(other)!r}"
        for name, a, b in zip(DECIDING, first, second, strict=True)
        if a != b
    ]
    return (
        f"the runs of suite {suite!r} in {str(one)!r} and {str(other)!r} cannot be compared; they differ in\n"
        + "\n".join(lines)
        + "\nShow them one by one, run one of them again, or give --allow-mixed for tables apart."
    )

"""For formats of the board and for those who look at finished runs: its tables, words for its numbers, and the files.

Examples:
    >>> import vlbench
    >>> def methods(*, table):  # target of a vlbench.Declaration that vlbench_formats() returns
    ...     return ", ".join(row.method for group in table.groups for row in group.ranked)
    >>> methods(table=vlbench.leaderboard("runs").table)
    'random'
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vlbench.lazy import lazy_name

if TYPE_CHECKING:
    from vlbench.board import format, published
    from vlbench.board.joined import with_joined_starts
    from vlbench.board.picture import read_preview, read_sounds, read_start
    from vlbench.board.table import Group, Row, Score, Table
    from vlbench.data.pictures import to_pil
    from vlbench.disk.sums import damage
    from vlbench.records.ranks import found_and_missed, read_ranks
    from vlbench.records.record import FoundRecord
    from vlbench.registry.specs import PublishedSpec
    from vlbench.verification.submit import submit

__all__ = [
    "FoundRecord",
    "Group",
    "PublishedSpec",
    "Row",
    "Score",
    "Table",
    "damage",
    "format",
    "found_and_missed",
    "published",
    "read_preview",
    "read_ranks",
    "read_sounds",
    "read_start",
    "submit",
    "to_pil",
    "with_joined_starts",
]

_MODULES = {
    "vlbench.board.joined": ("with_joined_starts",),
    "vlbench.board.table": ("Group", "Row", "Score", "Table"),
    "vlbench.board.picture": ("read_preview", "read_sounds", "read_start"),
    "vlbench.data.pictures": ("to_pil",),
    "vlbench.disk.sums": ("damage",),
    "vlbench.records.ranks": ("found_and_missed", "read_ranks"),
    "vlbench.records.record": ("FoundRecord",),
    "vlbench.registry.specs": ("PublishedSpec",),
    "vlbench.verification.submit": ("submit",),
}


def __getattr__(name: str) -> Any:
    if name in ("format", "published"):
        return importlib.import_module(f"vlbench.board.{name}")
    return lazy_name(__name__, _MODULES, name)

"""Whether a suite's TOML has the shape of one, before its parts are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from vlbench.errors import ProtocolError

_NAME = re.compile(r"(?=.{1,100}\Z)\w(?:[\w .+-]*[\w.+-])?")
_NAME_IS = "letters, digits, ' ', '.', '+', '-' and '_', at most 100, the first a letter or a digit"
_TABLE: tuple[Callable[[Any], bool], str] = (lambda value: isinstance(value, dict), "a table")
_PARTS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "name": (
        lambda value: isinstance(value, str) and bool(_NAME.fullmatch(value)),
        _NAME_IS,
    ),
    "version": (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9,
        "a whole number",
    ),
    "summary": (lambda value: isinstance(value, str), "text"),
    "data": (
        lambda value: isinstance(value, dict) and isinstance(value.get("name"), str), "a table with the dataset's name"
    ),
    "students": _TABLE,
    "training": _TABLE,
    "rows": _TABLE,
}  # fmt: skip


def check_tables(table: Mapping[str, Any], where: str) -> None:
    """Refuse a part of another type.

    Raises:
        ProtocolError: names the part, its value and what is allowed.
    """
    for name, (fits, allowed) in _PARTS.items():
        if name in table and not fits(table[name]):
            raise ProtocolError(f"suite {where}: {name} is {str(table[name])[:60]!r}. It must be {allowed}.")
    options = table.get("data", {}).get("options", {})
    if not isinstance(options, dict):
        raise ProtocolError(f"suite {where}: data.options is {str(options)[:60]!r}. It must be a table.")
    sides = table.get("data", {}).get("sides", [])
    if sides and not (isinstance(sides, list) and len(sides) == 2 and all(isinstance(side, str) for side in sides)):
        raise ProtocolError(
            f"suite {where}: data.sides is {str(sides)[:60]!r}. It must be a list of two sides, as in "
            f'["video", "text"].'
        )
    for name, student in table.get("students", {}).items():
        if not isinstance(student, dict | str) or not _NAME.fullmatch(name):
            raise ProtocolError(f"suite {where}: student {name[:60]!r} must be a table, and its name {_NAME_IS}.")
    grid = table.get("training", {}).get("grid", [])
    if not isinstance(grid, list) or not all(isinstance(setting, dict) for setting in grid):
        raise ProtocolError(f"suite {where}: training.grid must be a list of tables.")

"""The table for programs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from vlbench.board.leaderboard import Table


def render_json(table: Table) -> str:
    """The fields of :class:`vlbench.board.leaderboard.Table`, by name; of each row's records, their ids."""
    return json.dumps(dataclasses.asdict(table, dict_factory=_fields), indent=2, allow_nan=False)


def _fields(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    return {name: [record["id"] for record in value] if name == "records" else value for name, value in items}

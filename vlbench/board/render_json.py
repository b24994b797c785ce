"""The table for programs."""

from __future__ import annotations

import dataclasses
import json

from vlbench.board.leaderboard import Table


def render_json(table: Table) -> str:
    """The fields of :class:`vlbench.board.leaderboard.Table`, by name."""
    return json.dumps(dataclasses.asdict(table), indent=2, allow_nan=False)

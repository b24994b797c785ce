"""The table for programs."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from vlbench.board.table import Group, Row, Table


def render_json(table: Table) -> str:
    """The fields of :class:`vlbench.board.leaderboard.Table`; budgets are text, records are named by their ids."""
    groups = [_group(group) for group in table.groups]
    return json.dumps({"groups": groups}, indent=2, allow_nan=False)


def _group(group: Group) -> dict[str, Any]:
    rows = {name: [_row(row) for row in getattr(group, name)] for name in ("ranked", "baselines")}
    differences = [dataclasses.asdict(one) for one in group.differences]
    return {**vars(group), "budget": group.budget_name, "differences": differences, **rows}


def _row(row: Row) -> dict[str, Any]:
    scores = {column: dataclasses.asdict(score) for column, score in row.scores.items()}
    worth = dataclasses.asdict(row.worth) if row.worth else None
    return {**vars(row), "scores": scores, "worth": worth, "records": [record.id for record in row.records]}

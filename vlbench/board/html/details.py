"""What the page of a row shows, as data for the script: read only when a row is opened."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vlbench.board import format as wording
from vlbench.board.html.gallery import Pictures, gallery, tiles_per_row
from vlbench.board.html.hits import hits
from vlbench.board.html.markup import Html, data_script
from vlbench.board.html.names import row_id
from vlbench.board.leaderboard import Group, Row, Table
from vlbench.board.statistics.samples import Record

MOST_POINTS = 120
"""Points of a curve; a longer one is thinned."""


def details_scripts(table: Table) -> list[Html]:
    """One script element with the rows and their runs, and one for each gallery."""
    rows = [(group, row) for group in table.groups for row in (*group.ranked, *group.always_on)]
    runs: dict[int, int] = {}
    records: list[Record] = []
    for _, row in rows:
        for record in row.records:
            if id(record) not in runs:
                runs[id(record)] = len(records)
                records.append(record)
    galleries, scripts = _galleries([row for _, row in rows])
    environments: dict[str, dict[str, Any]] = {}
    pictures = Pictures()
    content = {
        "rows": {
            row_id(group, row): {**_row(group, row, runs, galleries), "hits": _hits(group, row, pictures)}
            for group, row in rows
        },
        "runs": [_run(record, environments) for record in records],
        "environments": list(environments.values()),
    }
    return [data_script("details", content), data_script("hits", pictures.addresses), *scripts]


def _galleries(rows: Sequence[Row]) -> tuple[dict[int, str], list[Html]]:
    """The name of each record's gallery, and the galleries; a row shows that of its first run that has one."""
    most = tiles_per_row(len(rows))
    names: dict[int, str] = {}
    scripts: list[Html] = []
    for row in rows:
        for record in row.records:
            if id(record) in names:
                break
            pictures = gallery(Path(record["folder"]), most) if record.get("folder") else None
            if pictures is not None:
                names[id(record)] = f"gallery-{len(scripts)}"
                scripts.append(data_script(names[id(record)], {**pictures, "seed": record["seed"]}))
                break
    return names, scripts


def _row(group: Group, row: Row, runs: Mapping[int, int], galleries: Mapping[int, str]) -> dict[str, Any]:
    return {
        "method": row.method,
        "where": wording.title(group),
        "student": group.student,
        "status": row.status,
        "message": row.message,
        "rank": wording.rank_text(row),
        "badge": row.badge,
        "claim": row.origin,
        "provisional": row.provisional,
        "always": row.always_on,
        "columns": [
            {"name": name, "mean": cell.mean, "sd": cell.sd, "count": cell.count, "interval": cell.interval}
            for name, cell in row.cells.items()
        ],
        "recovered": wording.recovered_text(row),
        "pairs": wording.pairs_text(row),
        "size": wording.bytes_text(row),
        "time": wording.time_text(row),
        "runs": [runs[id(record)] for record in row.records],
        "gallery": next((galleries[id(record)] for record in row.records if id(record) in galleries), None),
    }


def _hits(group: Group, row: Row, pictures: Pictures) -> list[dict[str, Any]] | None:
    return next((found for record in row.records[:1] if (found := hits(record, group.student, pictures))), None)


def _run(record: Record, environments: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What one run adds: its scores by student and seed, command, cost, curves, and which environment it ran in."""
    environment = {**(record.get("environment") or {}), "plugins": record.get("plugins") or []}
    key = json.dumps(environment, sort_keys=True)
    environments.setdefault(key, environment)
    return {
        "id": record["id"],
        "seed": record["seed"],
        "created": record.get("created", ""),
        "command": shlex.join(str(word) for word in record.get("command") or []),
        "options": {name: value for name, value in record["options"].items() if value not in (None, [], "")},
        "seeds": {student: _of_seeds(scores) for student, scores in record["scores"].items()},
        "start": {
            student: scores["mean_recall"]["mean"]
            for student, scores in ((record.get("start") or {}).get("scores") or {}).items()
        },
        "told": {student: _told(scores) for student, scores in (record.get("plugin_scores") or {}).items()},
        "chosen": record.get("chosen") or {},
        "cost": {name: value for name, value in record["cost"].items() if value is not None},
        "environment": list(environments).index(key),
        "curves": {name: thin(values) for name, values in (record.get("curves") or {}).items() if _drawable(values)},
    }


def _told(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Scores that plugins declare, of one student: by score and direction."""
    return [
        {"name": name, "direction": direction, "mean": summary["mean"], "sd": summary["sd"]}
        for name, by_direction in scores.items()
        for direction, summary in by_direction.items()
    ]


def _of_seeds(scores: Mapping[str, Any]) -> list[float]:
    return [round(value, 4) for value in scores["mean_recall"]["seeds"]]


def _drawable(values: object) -> bool:
    return (
        isinstance(values, Sequence)
        and len(values) > 1
        and all(value is None or isinstance(value, int | float) for value in values)
    )


def thin(values: Sequence[float | None]) -> dict[str, Any]:
    """Of a curve at most :data:`MOST_POINTS` values, evenly spread from the first to the last; ``last`` is its step."""
    last, points = len(values) - 1, min(len(values), MOST_POINTS)
    chosen = [values[round(n * last / (points - 1))] for n in range(points)]
    return {"last": last, "values": [None if value is None else float(f"{value:.4g}") for value in chosen]}

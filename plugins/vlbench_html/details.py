"""What the page of a row shows, as data for the script: read only when a row is opened."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import pairwise
from statistics import fmean
from typing import Any

from msgspec import to_builtins

from vlbench.board import FoundRecord, Group, Row, Table
from vlbench.board import format as wording
from vlbench_html.gallery import Pictures, gallery, tiles_per_row
from vlbench_html.hits import hits
from vlbench_html.markup import Html, data_script
from vlbench_html.names import MEAN_RECALL, row_id

MOST_POINTS = 120
"""Points of a curve; a longer one is thinned."""


def details_scripts(table: Table, bundles: Mapping[str, str]) -> list[Html]:
    """One script element with the rows and their runs, and one for each gallery; ``bundles`` as of the page."""
    rows = [(group, row) for group in table.groups for row in group.rows]
    runs: dict[int, int] = {}
    records: list[FoundRecord] = []
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
        "runs": [{**_run(record, environments), "bundle": bundles.get(str(record.folder), "")} for record in records],
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
            pictures = gallery(record.folder, most) if record.folder is not None else None
            if pictures is not None:
                names[id(record)] = f"gallery-{len(scripts)}"
                scripts.append(data_script(names[id(record)], {**pictures, "seed": record.seed}))
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
        "baseline": row.baseline,
        "columns": [{"name": name, **asdict(score)} for name, score in row.scores.items()],
        "starts": _start_scores(row, group),
        "recovered": wording.recovered_text(row),
        "pairs": wording.pairs_text(row),
        "size": wording.bytes_text(row),
        "time": wording.time_text(row),
        "runs": [runs[id(record)] for record in row.records],
        "gallery": next((galleries[id(record)] for record in row.records if id(record) in galleries), None),
    }


def _start_scores(row: Row, group: Group) -> dict[str, float]:
    """Column -> mean score of the start, over the runs that have one."""
    known = [record.start.scores for record in row.records if record.start is not None]
    starts = [scores[group.student] for scores in known if group.student in scores]
    if row.baseline or not starts or len(starts) < len(row.records):
        return {}
    found = {MEAN_RECALL: fmean(scores.mean_recall.mean for scores in starts)}
    for short, name in group.directions.items():
        for cut in next(iter(starts)).directions.get(name, ()):
            if all(cut in scores.directions.get(name, ()) for scores in starts):
                found[f"{short}@{cut.removeprefix('R@')}"] = fmean(s.directions[name][cut].mean for s in starts)
    return found


def given_options(command: Sequence[str]) -> list[str]:
    """Names of the options that a command sets by ``-o [METHOD.]NAME=VALUE``."""
    words = [after for before, after in pairwise(command) if before in ("-o", "--option")]
    return [word.partition("=")[0].rpartition(".")[2] for word in words]


def _hits(group: Group, row: Row, pictures: Pictures) -> list[dict[str, Any]] | None:
    return next((found for record in row.records[:1] if (found := hits(record, group.student, pictures))), None)


def _run(record: FoundRecord, environments: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """What one run adds: its scores by student and seed, command, cost, curves, and which environment it ran in."""
    environment = {**to_builtins(record.environment), "plugins": to_builtins(record.plugins)}
    key = json.dumps(environment, sort_keys=True)
    environments.setdefault(key, environment)
    starts = record.start.scores if record.start else {}
    return {
        "id": record.id,
        "seed": record.seed,
        "created": record.created,
        "command": shlex.join(record.command),
        "options": {name: value for name, value in record.options.items() if value not in (None, [], "")},
        "given": given_options(record.command),
        "settings": record.settings,
        "seeds": {
            student: [round(value, 4) for value in scores.mean_recall.seeds]
            for student, scores in record.scores.items()
        },
        "start": {student: scores.mean_recall.mean for student, scores in starts.items()},
        "plugin_scores": {student: _plugin_scores(scores) for student, scores in record.plugin_scores.items()},
        "chosen": record.chosen,
        "cost": to_builtins(record.cost),
        "environment": list(environments).index(key),
        "curves": {name: thin(values) for name, values in record.curves.items() if len(values) > 1},
    }


def _plugin_scores(scores: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Scores that plugins declare, of one student: by score and direction."""
    return [
        {"name": name, "direction": direction, "mean": measure.mean, "sd": measure.sd}
        for name, by_direction in scores.items()
        for direction, measure in by_direction.items()
    ]


def thin(values: Sequence[float]) -> dict[str, Any]:
    """Of a curve at most :data:`MOST_POINTS` values, evenly spread from the first to the last; ``last`` is its step."""
    last, points = len(values) - 1, min(len(values), MOST_POINTS)
    chosen = [values[round(n * last / (points - 1))] for n in range(points)]
    return {"last": last, "values": [float(f"{value:.4g}") for value in chosen]}

"""The table for a spreadsheet or a plotting script."""

from __future__ import annotations

import csv
import io
import json

from vlbench.board.plain import cell
from vlbench.board.table import Group, Row, Score, Table

_FIRST = ("suite", "protocol_hash", "protocol_version", "budget", "student", "method", "options", "baseline", "status")
_RANK = ("rank", "provisional", "mean low", "mean high")
_WORTH = ("worth", "worth low", "worth high", "pays against full", "pays against real")
_LAST = ("runs", "student_seeds", "recovered", "home", "pairs", "bytes", "seconds")


def render_csv(table: Table) -> str:
    """One line per row; each score as its mean and, in a column of its own, its standard deviation, in percent.

    ``mean low`` and ``mean high`` are the 95 % interval of mean recall.
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, column_names(table), restval="", lineterminator="\n")
    writer.writerow({name: cell(name) for name in writer.fieldnames})
    for group in table.groups:
        for row in group.rows:
            writer.writerow({name: _written(value) for name, value in row_values(group, row).items()})
    return file.getvalue()


def column_names(table: Table) -> list[str]:
    """Columns of the table of all rows, in order."""
    columns = dict.fromkeys(column for group in table.groups for column in group.columns)
    scores = [name for column in columns for name in (column, f"{column} sd")]
    return [*_FIRST, *scores, *_RANK, *_LAST, *_WORTH, "badge", "claim", "flags"]


def row_values(group: Group, row: Row) -> dict[str, object]:
    """Column -> value of a row, None where it has none; columns as of :func:`render_csv`."""
    low, high = row.interval or (None, None)
    return {
        **{name: getattr(group, name) for name in _FIRST[:3]},
        "budget": group.budget_name,
        "student": group.student,
        "method": row.method,
        "options": json.dumps(dict(row.options), sort_keys=True),
        "baseline": row.baseline,
        "status": row.status,
        **{name: value for column, score in row.scores.items() for name, value in _score(column, score).items()},
        **dict(zip(_RANK, (row.rank, row.provisional, low, high), strict=True)),
        **dict(zip(_LAST, _sizes(row), strict=True)),
        **dict(zip(_WORTH, _worth(row), strict=True)),
        "badge": row.badge,
        "claim": row.origin,
        "flags": ", ".join(row.flags),
    }


def _score(column: str, score: Score) -> dict[str, float]:
    return {column: score.mean, f"{column} sd": score.sd}


def _sizes(row: Row) -> tuple[object, ...]:
    return (row.runs, row.seeds, row.recovered, row.home, row.pairs, row.bytes, row.seconds)


def _worth(row: Row) -> tuple[object, ...]:
    """Pairs and their interval; trainings, or ``never``."""
    pairs, (low, high) = (row.worth.pairs, row.worth.interval) if row.worth else (None, (None, None))
    pays = ("never" if row.break_even.get(name, 0) is None else row.break_even.get(name) for name in ("full", "real"))
    return (pairs, low, high, *pays)


def _written(value: object) -> object:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else cell(value)

"""The table for a spreadsheet or a plotting script."""

from __future__ import annotations

import csv
import io
import json

from vlbench.board.plain import cell
from vlbench.board.table import Group, Row, Table

_FIRST = ("suite", "protocol_hash", "protocol_version", "budget", "student", "method", "options", "baseline", "status")
_RANK = ("rank", "provisional", "mean low", "mean high")
_LAST = ("runs", "student_seeds", "recovered", "home", "pairs", "bytes", "seconds")


def render_csv(table: Table) -> str:
    """One line per row; each score as its mean and, in a column of its own, its standard deviation, in percent.

    ``mean low`` and ``mean high`` are the 95 % interval of mean recall.
    """
    columns = list(dict.fromkeys(column for group in table.groups for column in group.columns))
    names = [name for column in columns for name in (column, f"{column} sd")]
    file = io.StringIO()
    writer = csv.DictWriter(
        file, [*_FIRST, *names, *_RANK, *_LAST, "badge", "claim", "flags"], restval="", lineterminator="\n"
    )
    writer.writerow({name: cell(name) for name in writer.fieldnames})
    for group in table.groups:
        writer.writerows(_line(group, row) for row in group.rows)
    return file.getvalue()


def _line(group: Group, row: Row) -> dict[str, object]:
    line: dict[str, object] = {name: getattr(group, name) for name in _FIRST[:5]}
    line |= {
        "budget": group.budget_name,
        "method": row.method,
        "options": json.dumps(dict(row.options), sort_keys=True),
        "baseline": str(row.baseline).lower(),
        "status": row.status,
    }
    for column, score in row.scores.items():
        line |= {column: score.mean, f"{column} sd": score.sd}
    line |= {
        "badge": row.badge,
        "claim": row.origin,
        "flags": ", ".join(row.flags),
        "rank": row.rank,
        "provisional": str(row.provisional).lower(),
    }
    line |= dict(zip(_RANK[2:], row.interval or ("", ""), strict=True))
    values = (row.runs, row.seeds, row.recovered, row.home, row.pairs, row.bytes, row.seconds)
    line |= {name: "" if value is None else value for name, value in zip(_LAST, values, strict=True)}
    return {name: cell(value) for name, value in line.items()}

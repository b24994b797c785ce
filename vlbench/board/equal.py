"""The board at equal cost: the best score of every method within so many pairs, bytes or seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from vlbench.board import format as wording
from vlbench.board.console import as_text
from vlbench.board.derived_rows import START
from vlbench.board.statistics.samples import CHANCE, MEAN_RECALL
from vlbench.board.table import Group, Row, Table
from vlbench.progress import seconds_text

MOST_LIMITS = 6
SECONDS_NOTE = "Seconds are those of condensing, training and scoring, on whichever machine each row was made."


def render_equal(table: Table, cost: str, *, width: int = 80, styled: bool = False) -> str:
    """A table for each suite and student: methods down, limits across, best mean recall within each.

    Args:
        table: of all budgets.
        cost: ``pairs``, ``bytes`` or ``seconds``.
        width, styled: as of every form of the board.
    """
    parts: list[RenderableType] = []
    for groups in _by_student(table.groups):
        rows = [row for group in groups for row in group.rows if _cost(row, cost) and row.scores]
        rows = [row for row in rows if row.method != CHANCE and not row.method.startswith(START)]
        if rows:
            parts += [*[""] * bool(parts), Text(_title(groups[0], cost), style="bold"), _drawn(rows, cost)]
            parts += [Text(note, style="dim") for note in _notes(groups, cost)]
    return as_text(*parts, width=width, styled=styled) if parts else wording.EMPTY


def _by_student(groups: Iterable[Group]) -> list[list[Group]]:
    """Groups that differ in their budget alone."""
    found: dict[tuple[object, ...], list[Group]] = {}
    for group in groups:
        overrides = tuple(sorted(group.overrides.items()))
        key = (group.suite, group.protocol_hash, group.data_fingerprint, group.student, group.encoders, overrides)
        found.setdefault(key, []).append(group)
    return list(found.values())


def _title(group: Group, cost: str) -> str:
    return f"{group.suite} · student {group.student} · best mean recall within so many {cost}"


def _notes(groups: Sequence[Group], cost: str) -> list[str]:
    several = ["Where a method has several rows, its best is shown, chosen on the split that is scored."]
    off = ["Off protocol."] * bool(groups[0].overrides)
    return [*several, *[SECONDS_NOTE] * (cost == "seconds"), *off]


def _drawn(rows: Sequence[Row], cost: str) -> RichTable:
    best: dict[str, dict[float, float]] = {}
    marks = limits([_cost(row, cost) for row in rows])
    for row in rows:
        within = best.setdefault(row.method, {})
        for limit in marks:
            if _cost(row, cost) <= limit:
                within[limit] = max(within.get(limit, -math.inf), row.scores[MEAN_RECALL].mean)
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    table.add_column("method", overflow="fold")
    for limit in marks:
        table.add_column(limit_text(limit, cost), justify="right", no_wrap=True)
    for name, within in sorted(best.items(), key=lambda item: -max(item[1].values())):
        table.add_row(name, *(f"{within[limit]:.1f}" if limit in within else "-" for limit in marks))
    return table


def _cost(row: Row, cost: str) -> float:
    value = {"pairs": row.pairs, "bytes": row.bytes, "seconds": row.seconds}[cost]
    return value or 0.0


def limits(costs: Sequence[float]) -> list[float]:
    """At most six limits of 1, 2 or 5 times a power of ten, such that the last one holds every cost."""
    rounded = sorted({_rounded_up(value) for value in costs})
    if len(rounded) <= MOST_LIMITS:
        return rounded
    return [rounded[round(at * (len(rounded) - 1) / (MOST_LIMITS - 1))] for at in range(MOST_LIMITS)]


def _rounded_up(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if value <= step * power * (1 + 1e-9))


def limit_text(limit: float, cost: str) -> str:
    """A limit with its unit."""
    if cost == "seconds":
        return seconds_text(limit)
    return wording.size_text(limit) if cost == "bytes" else wording.short_count(limit)

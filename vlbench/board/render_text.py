"""The table in a terminal: one line a row, in as many columns as fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from vlbench.board import format as wording
from vlbench.board.console import as_text
from vlbench.board.joined import with_joined_starts
from vlbench.board.statistics.samples import MEAN_RECALL
from vlbench.board.table import Group, Row, Table

WIDEST_LABEL = 24
"""Characters of a method's name or an option that are never broken."""


class _Column(NamedTuple):
    """A column of numbers: its title, and what stands in it for a row."""

    title: str
    text: Callable[[Row], str]
    left: bool = False


def render_text(table: Table, *, width: int = 80, styled: bool = False) -> str:
    """The table as text of at most ``width`` columns; with colours if ``styled``.

    Recalls that do not fit are left out, those in the middle first, and a line says so.
    """
    if not table.groups:
        return wording.EMPTY
    parts: list[RenderableType] = []
    for number, group in enumerate(map(with_joined_starts, table.groups)):
        drawn, left_out = _fitting(group, width)
        notes = [f"Left out to fit {width} columns: {', '.join(left_out)}."] * bool(left_out)
        usual = wording.usual_runs(group)
        notes += [f"{usual} runs a row where no other number stands, each with a seed of its own."] * (usual > 1)
        notes += wording.notes(group)
        parts += [*[""] * (number > 0), Text(wording.title(group), style="bold"), drawn]
        parts += [Text(note, style="dim") for note in notes]
    return as_text(*parts, width=width, styled=styled)


def _fitting(group: Group, width: int) -> tuple[RichTable, list[str]]:
    """The table with as many of the recalls as fit, and the names of the others."""
    console = Console(width=10 * width, force_jupyter=False)
    recalls = [column for column in group.columns if column != MEAN_RECALL]
    for shown in _choices(recalls):
        table = _group(group, shown)
        if console.measure(table).minimum <= width:
            break
    return table, [column for column in recalls if column not in shown]


def _choices(recalls: list[str]) -> Iterator[list[str]]:
    """All recalls, the first and last of each direction, the first of each, none."""
    cuts = list(dict.fromkeys(column.partition("@")[2] for column in recalls))
    for some in (cuts, [*cuts[:1], *cuts[-1:]], cuts[:1], []):
        yield [column for column in recalls if column.partition("@")[2] in some]


def _columns(group: Group, recalls: Sequence[str]) -> list[_Column]:
    """What stands to the right of the method; a new column is one line here."""
    return [
        *(_Column(name, lambda row, name=name: wording.mean_text(row.scores.get(name))) for name in recalls),  # type: ignore[misc]
        _Column("mean", lambda row: wording.mean_text(row.scores.get(MEAN_RECALL))),
        _Column("", lambda row: wording.spread_text(row.scores.get(MEAN_RECALL)), left=True),
        _Column("recov.", wording.recovered_text),
        *[_Column("worth", wording.worth_text), _Column("", wording.worth_interval_text, left=True)]
        * bool(group.curve),
        *[_Column("pairs", wording.pairs_text)] * wording.shows_pairs(group),
        _Column("size", wording.bytes_text),
        _Column("time", wording.time_text),
    ]


def _group(group: Group, recalls: Sequence[str]) -> RichTable:
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=0, show_edge=False, header_style="bold")
    ranks = any(row.rank for row in group.ranked)
    if ranks:
        table.add_column("rank", no_wrap=True)
    usual = wording.usual_runs(group)
    words = (word for row in group.rows for word in _name(row, usual).plain.split())
    table.add_column("method", overflow="fold", min_width=min(max(map(len, words), default=6), WIDEST_LABEL))
    columns = _columns(group, recalls)
    for column in columns:
        widest = max(len(column.title), *(len(column.text(row)) for row in group.rows))  # "66 s" is never cut
        table.add_column(column.title, justify="left" if column.left else "right", no_wrap=True, min_width=widest)
    for rows in (group.ranked, group.baselines):
        for row in rows:
            rank = [Text(wording.rank_text(row), style=_style(row))] if ranks else []
            table.add_row(*rank, _name(row, usual), *(_cell(column, row) for column in columns))
        table.add_section()
    return table


def _style(row: Row) -> str:
    return "dim" if row.baseline else "bold green" if wording.is_best(row) else ""


def _cell(column: _Column, row: Row) -> Text:
    emphasis = _style(row) if row.baseline or column.title == MEAN_RECALL else "dim" if column.left else ""
    return Text(column.text(row), style=emphasis)


def _name(row: Row, usual: int) -> Text:
    name = Text(row.method, style=_style(row))
    if row.status != "finished":
        name.append(f"\n{row.status}", style="red not bold")
    details = wording.details_text(row, usual)
    if details:
        name.append(f"\n{details}", style="dim not bold")
    return name

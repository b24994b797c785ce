"""The table in a terminal."""

from __future__ import annotations

from rich import box
from rich.console import RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from vlbench.board import format as wording
from vlbench.board.console import as_text
from vlbench.board.statistics.samples import MEAN_RECALL
from vlbench.board.table import Group, Row, Table


def render_text(table: Table, *, width: int = 80, styled: bool = False) -> str:
    """The table as text of at most ``width`` columns; with colours if ``styled``. The spread stands under the mean."""
    if not table.groups:
        return wording.EMPTY
    parts: list[RenderableType] = []
    for number, group in enumerate(table.groups):
        notes = [Text(note, style="dim") for note in wording.notes(group)]
        parts += [*[""] * (number > 0), Text(wording.title(group), style="bold"), _group(group), *notes]
    return as_text(*parts, width=width, styled=styled)


def _group(group: Group) -> RichTable:
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=0, show_edge=False, header_style="bold")
    ranks = any(row.rank for row in group.ranked)
    if ranks:
        table.add_column("rank", no_wrap=True)
    table.add_column("method", overflow="fold", max_width=24)
    columns = [*(column for column in group.columns if column != MEAN_RECALL), MEAN_RECALL]
    pairs = wording.shows_pairs(group)
    for column in [*columns, "recov.", *["pairs"] * pairs, "size", "time"]:
        table.add_column(column, justify="right", no_wrap=True)
    for rows, row_style in ((group.ranked, ""), (group.baselines, "dim")):
        for row in rows:
            style = "bold green" if wording.is_best(row) else ""
            rank = [Text(wording.rank_text(row), style=style)] if ranks else []
            sizes = [wording.recovered_text(row), *[wording.pairs_text(row)] * pairs]
            sizes += [wording.bytes_text(row), wording.time_text(row)]
            cells = [*rank, *_cells(row, columns, style, row_style), *[Text(size, style=row_style) for size in sizes]]
            table.add_row(*cells)
        table.add_section()
    return table


def _cells(row: Row, columns: list[str], mean_style: str, row_style: str) -> list[Text]:
    name = Text(row.method, style=row_style or mean_style)
    if row.status != "finished":
        name.append(f"\n{row.status}", style="red not bold")
    details = wording.details_text(row)
    if details:
        name.append(f"\n{details}", style="dim not bold")
    cells = [name]
    for column in columns:
        score = row.scores.get(column)
        text = Text(wording.mean_text(score), style=row_style or (mean_style if column == MEAN_RECALL else ""))
        # The standard deviation of a single run says least: it has room in the last column only.
        if score and wording.spread_text(score) and (score.interval or column == MEAN_RECALL):
            text.append(f"\n{wording.spread_text(score)}", style="dim not bold")
        cells.append(text)
    return cells

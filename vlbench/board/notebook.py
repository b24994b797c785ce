"""What a notebook shows: a record and a board, drawn by the tables of the HTML board, every text in them escaped."""

from __future__ import annotations

import shlex
from importlib.resources import files
from pathlib import Path

from vlbench.board import format as wording
from vlbench.board.combine import read_table
from vlbench.board.html.markup import Child, Html, element, join
from vlbench.board.html.table import empty, group_table
from vlbench.board.leaderboard import Table, build_table
from vlbench.progress import seconds_text
from vlbench.records.record import FoundRecord

WIDTH = 100
"""Characters in a line of a board as plain text."""


class RunRecord(FoundRecord, frozen=True, kw_only=True):
    """The record of a run, which a notebook draws as a table where it is the value of a cell."""

    def _repr_html_(self) -> str:
        table = build_table([self])
        seconds = {name: getattr(self.cost, field) for name, field in _PHASES.items()}
        cost = [f"{name} {seconds_text(value)}" for name, value in seconds.items() if value is not None]
        folder = str(self.folder)
        return _page(
            *_tables(table),
            element("p", {"class": "notes"}, " · ".join([f"seed {self.seed}", *cost])),
            element(
                "p",
                {"class": "notes"},
                "The pairs: ",
                element("code", {}, f"vlbench.load_artifact({folder!r}).show()"),
                " or ",
                element("code", {}, f"vlbench show {shlex.quote(folder)}"),
                ". All that was asked and observed: the attributes of this record.",
            ),
        )


_PHASES = {"condensed in": "condense_s", "students trained in": "train_s", "scored in": "score_s"}


class Leaderboard:
    """The board of some runs: text where it is printed, tables where it is the value of a notebook's cell.

    Attributes:
        table: its groups and rows, as every format of the board renders them.
    """

    def __init__(self, table: Table) -> None:
        self.table = table

    def __repr__(self) -> str:
        from vlbench.board.render_text import render_text

        return render_text(self.table, width=WIDTH, styled=False)

    def _repr_html_(self) -> str:
        return _page(*_tables(self.table))


def leaderboard(*runs: Path | str, allow_mixed: bool = False) -> Leaderboard:
    """The board of finished runs: what ``vlbench leaderboard`` shows.

    Args:
        runs: folders with runs in them, single runs, or record files; by default the folder ``runs``.
        allow_mixed: show what cannot be compared in tables apart, instead of refusing.

    Returns:
        an object that prints as text, and is drawn as tables in a notebook. Scores are in percent.

    Raises:
        vlbench.errors.DataError: a path does not exist, a record is damaged, or two folders cannot be compared.

    Examples:
        >>> import vlbench
        >>> board = vlbench.leaderboard("runs")  # as text: print(board)
        >>> [row.method for group in board.table.groups for row in group.ranked]
        ['random']
    """
    return Leaderboard(read_table([Path(run) for run in runs], mixed=allow_mixed))


def _tables(table: Table) -> list[Child]:
    titled: list[Child] = []
    for group in table.groups:
        titled += [element("h3", {}, wording.title(group)), group_table(group)]
    return titled or [empty()]


def _page(*children: Child) -> str:
    """Children under the board's style sheet, which reaches nothing outside of them."""
    sheet = files("vlbench.board.html").joinpath("board.css").read_text(encoding="utf-8").replace(":root", "&")
    style = element("style", {}, Html(f".vlbench {{ {sheet} {_OWN_STYLE} }}"))
    return join([element("div", {"class": "vlbench"}, style, *children)])


# There is no script here, so nothing to press; and a table's heading stands in the title above it.
_OWN_STYLE = """
& { background: var(--paper); color: var(--ink); font: 14px/1.5 var(--sans); padding: 8px 12px; }
.board button, .board .method a { pointer-events: none; color: inherit; }
.group { margin: 0; }
.group h3 { display: none; }
"""

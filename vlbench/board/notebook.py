"""What a notebook shows of a record and a board: the format ``notebook``, where a plugin declares one."""

from __future__ import annotations

import shlex
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from vlbench.board.combine import read_table
from vlbench.board.leaderboard import build_table
from vlbench.board.published import Literature
from vlbench.board.render_csv import column_names, row_values
from vlbench.board.table import Table
from vlbench.errors import DataError
from vlbench.progress import seconds_text
from vlbench.records.record import FoundRecord

if TYPE_CHECKING:
    import pandas

WIDTH = 100
"""Characters in a line of a board as plain text."""
FORMAT = "notebook"
_PHASES = {"condensed in": "condense_s", "students trained in": "train_s", "scored in": "score_s"}


class RunRecord(FoundRecord, frozen=True, kw_only=True):
    """The record of a run, which a notebook draws as a table where it is the value of a cell."""

    def __repr__(self) -> str:
        means = ", ".join(f"{name} {scores.mean_recall.mean:.1f}" for name, scores in self.scores.items())
        return f"<Record {self.id}: {self.status}{f', mean recall {means}' if means else ''}>"

    def _repr_html_(self) -> str | None:
        table = _drawn(build_table([self]))
        if table is None:
            return None
        seconds = {name: getattr(self.cost, field) for name, field in _PHASES.items()}
        cost = [f"{name} {seconds_text(value)}" for name, value in seconds.items() if value is not None]
        folder = str(self.folder)
        load = f"<code>{escape(f'vlbench.load_artifact({folder!r}).show()')}</code>"
        show = f"<code>{escape(f'vlbench show {shlex.quote(folder)}')}</code>"
        return (
            f"{table}<p>{escape(' · '.join([f'seed {self.seed}', *cost]))}</p>"
            f"<p>The pairs: {load} or {show}. Its attributes hold all that was asked and observed.</p>"
        )


class Leaderboard:
    """The board of some runs: text in a terminal, tables as the value of a notebook's cell, a frame for analyses.

    Attributes:
        table: its groups and rows, as every format of the board renders them.
    """

    def __init__(self, table: Table) -> None:
        self.table = table

    def __repr__(self) -> str:
        from vlbench.board.render_text import render_text

        return render_text(self.table, width=WIDTH, styled=False)

    def to_pandas(self) -> pandas.DataFrame:
        """One line a row of the board, with the columns of ``vlbench leaderboard --format csv``; scores in percent.

        Raises:
            vlbench.errors.DataError: pandas is not installed.

        Examples:
            >>> import vlbench
            >>> frame = vlbench.leaderboard("runs").to_pandas()
            >>> frame.loc[~frame["baseline"], "method"].tolist()
            ['random']
        """
        try:
            import pandas
        except ImportError as error:
            raise DataError("to_pandas() needs pandas, which is not installed: pip install pandas") from error
        rows = [row_values(group, row) for group in self.table.groups for row in group.rows]
        return pandas.DataFrame(rows, columns=column_names(self.table))

    def _repr_html_(self) -> str | None:
        return _drawn(self.table)


def leaderboard(*runs: Path | str, allow_mixed: bool = False) -> Leaderboard:
    """The board of finished runs: what ``vlbench leaderboard`` shows.

    Args:
        runs: folders with runs in them, single runs, or record files; by default the folder ``runs``.
        allow_mixed: show what cannot be compared in tables apart, instead of refusing.

    Returns:
        a :class:`Leaderboard`: text where it is printed, tables in a notebook, and ``to_pandas()``. Scores are in
        percent.

    Raises:
        vlbench.errors.DataError: a path does not exist, a record is damaged, or two folders cannot be compared.

    Examples:
        >>> import vlbench
        >>> board = vlbench.leaderboard("runs")  # as text: print(board)
        >>> [row.method for group in board.table.groups for row in group.ranked]
        ['random']
    """
    return Leaderboard(read_table([Path(run) for run in runs], mixed=allow_mixed))


def _drawn(table: Table) -> str | None:
    """HTML of a board; None where no plugin draws one, and the notebook shows the text."""
    from vlbench.registry.invoke import call
    from vlbench.registry.loader import load_registry

    registry = load_registry()
    if FORMAT not in registry.all("format"):
        return None
    published = Literature(registry.all("published").values())
    return str(call(registry, "format", FORMAT, table=table, width=WIDTH, styled=False, published=published))

"""Tables and wrapped text for a terminal, by rich: one way for every command."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterable, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text


def echo_width() -> tuple[int, bool]:
    """Columns to fill on standard output, and whether colours are welcome there."""
    columns = shutil.get_terminal_size((80, 24)).columns
    return max(80, min(columns, 120)), sys.stdout.isatty()


def columns(rows: Iterable[Sequence[str]], header: Sequence[str] = (), *, indent: int = 0) -> Table:
    """Columns two blanks apart under a bold header; the widest are wrapped, the first never."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=bool(header), header_style="bold")
    lines = [list(row) for row in rows]
    count = len(header) or len(lines[0])
    for number in range(count):
        title = Text(header[number] if header else "")
        table.add_column(title, no_wrap=number == 0, overflow="fold", min_width=indent)
    for line in lines:
        table.add_row(*map(Text, line))
    return table


def as_text(*parts: RenderableType, width: int, styled: bool = False) -> str:
    """Parts one below the other, at most ``width`` columns wide, without blanks at the ends of lines."""
    file = io.StringIO()
    console = Console(
        file=file,
        width=width,
        force_terminal=styled,
        force_jupyter=False,  # where it is drawn a second time
        color_system="standard" if styled else None,
        highlight=False,
    )
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())

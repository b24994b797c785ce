"""Published numbers of a dataset, in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from vlbench.board.console import as_text
from vlbench.board.published import Literature, Published, PublishedProtocol, metrics_of, sources_of

_WARNING = (
    "Copied from papers, not measured here and not ranked. Compare numbers of one protocol only, and mind by which "
    "rule its epoch was chosen."
)


def render_published(literature: Literature, dataset: str, *, width: int = 80) -> str:
    """Tables by budget and encoders, then how each protocol made its numbers, then the sources.

    Raises:
        UnknownNameError: nothing is published on a dataset of that name.
    """
    rows = literature.on(dataset)
    sources = sources_of(rows)
    numbers = sum(len(row.numbers) for row in rows)
    parts = [f"PUBLISHED on {dataset}: {numbers} numbers, {len(sources)} sources", textwrap.fill(_WARNING, width), ""]
    ordered = sorted(enumerate(rows), key=lambda item: (*_order(rows, item[1]), item[0]))
    for (budget, encoders), members in groupby(
        (row for _, row in ordered), key=lambda row: (row.budget_text, _encoders(row))
    ):
        parts += [f"{budget} · {encoders}", _table(list(members), sources, width), ""]
    parts += ["How the numbers of a protocol were made:", *_protocols(literature, rows, width), "", "Sources:"]
    parts += [_hanging(f"[{number}] ", source, width) for source, number in sources.items()]
    return "\n".join(parts)


def _order(rows: Sequence[Published], row: Published) -> tuple[int, int]:
    """By budget as they come, and the most used encoders first."""
    budgets = list(dict.fromkeys(other.budget for other in rows))
    return budgets.index(row.budget), -sum(_encoders(other) == _encoders(row) for other in rows)


def _encoders(row: Published) -> str:
    return f"{row.image_encoder} · {row.text_encoder}"


def _table(rows: Sequence[Published], sources: dict[str, int], width: int) -> str:
    metrics = metrics_of(rows)
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    table.add_column("method", overflow="fold", max_width=26)
    for metric in metrics:
        table.add_column(metric.replace(" ", "\n"), justify="right", no_wrap="R@" not in metric or len(metric) < 6)
    for row in rows:
        cells = [row.numbers.get(metric) for metric in metrics]
        values = [
            "-" if cell is None else str(cell.value) + (f"\n±{cell.sd}" if cell.sd is not None else "")
            for cell in cells
        ]
        table.add_row(Text(f"{row.method}\n{row.protocol} [{sources[row.cited]}]"), *values)
    return as_text(table, width=width)


def _protocols(literature: Literature, rows: Sequence[Published], width: int) -> list[str]:
    used = {row.protocol for row in rows}
    protocols = [(key, protocol) for key, protocol in literature.protocols.items() if key in used]
    return [_hanging(f"{key}: ", _protocol(protocol), width) for key, protocol in protocols]


def _protocol(protocol: PublishedProtocol) -> str:
    known = [text for text in (protocol.trains, protocol.loss, protocol.training) if text != "not known"]
    return "; ".join([*known, f"reported epoch: {protocol.checkpoint}", protocol.caveat]) + "."


def _hanging(start: str, text: str, width: int) -> str:
    return textwrap.fill(text, width, initial_indent=start, subsequent_indent="    ")

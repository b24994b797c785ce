"""``vlbench status``: which rows of a folder are finished, running, failed or waiting."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from pathlib import Path

import click

from vlbench.cli.shared import echo_json, echo_rows


@click.command("status")
@click.argument("runs", default="runs", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print all rows as JSON.")
def command(runs: Path, as_json: bool) -> None:
    """Show which rows of RUNS run, wait, failed or are finished.

    Any machine that sees the folder can ask. A running row says its phase and how far it is.
    """
    from vlbench.runs.status import status_of

    rows = status_of(runs)
    if as_json:
        echo_json([asdict(row) for row in rows])
        return
    counts = Counter(row.state for row in rows)
    click.echo(f"{runs}: " + (", ".join(f"{count} {state}" for state, count in counts.items()) or "no rows"))
    echo_rows([(row.name, row.state, row.detail) for row in rows if row.state != "finished"])

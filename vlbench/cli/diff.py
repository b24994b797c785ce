"""``vlbench diff OLD NEW``."""

from __future__ import annotations

from pathlib import Path

import click

from vlbench.cli.shared import echo_json


@click.command("diff")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the changes, and nothing else, on standard output.")
def command(old: Path, new: Path, as_json: bool) -> None:
    """Show what changed between two boards, and why.

    OLD and NEW are folders with runs in them: rows that are new, gone, scored anew or moved, and tables whose
    protocol or data is another.
    """
    from vlbench.board.changes import board_changes
    from vlbench.board.combine import read_table
    from vlbench.board.console import echo_width
    from vlbench.board.render_changes import render_changes

    changes = board_changes(read_table([old], mixed=True), read_table([new], mixed=True))
    if as_json:
        echo_json(changes)
    else:
        click.echo(render_changes(changes, width=echo_width()[0]))

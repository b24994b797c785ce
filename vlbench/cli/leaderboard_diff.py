"""``vlbench leaderboard diff OLD NEW``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from vlbench.cli.shared import echo_json

FORMS = ("text", "json")


@click.command("diff")
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("new", type=click.Path(path_type=Path))
@click.option("--format", "form", default="text", show_default=True, type=click.Choice(FORMS), help="How to write it.")
def command(old: Path, new: Path, form: str) -> None:
    """Tell what changed between two boards, and why.

    OLD and NEW are folders with runs in them: rows that are new, gone, scored anew or moved, and tables whose
    protocol or data is another.
    """
    from vlbench.board.combine import read_table
    from vlbench.board.difference import compare
    from vlbench.board.render_difference import render_difference
    from vlbench.board.render_text import echo_width

    difference = compare(read_table([old], mixed=True), read_table([new], mixed=True))
    if form == "json":
        echo_json(asdict(difference))
    else:
        click.echo(render_difference(difference, width=echo_width()[0]))

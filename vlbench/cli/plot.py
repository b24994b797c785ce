"""``vlbench plot [RUNS] --to FILE``."""

from __future__ import annotations

from pathlib import Path

import click

from vlbench.cli.complete import Run, Word, panels
from vlbench.cli.shared import comma_list, readable_path


@click.command("plot", epilog="Example:  vlbench plot runs --to board.pdf --panel budget,cost")
@click.argument("runs", nargs=-1, type=Run())
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="PNG, SVG or PDF to write; needs vlbench[plot].",
)
@click.option(
    "--panel",
    "asked",
    multiple=True,
    type=Word(panels, several=True),
    metavar="NAME[,...]",
    help="budget, cost, worth, students, pairs; by default all but pairs that have values.",
)
@click.option("--allow-mixed", is_flag=True, help="Folders that cannot be compared: panels apart, no refusal.")
def command(runs: tuple[Path, ...], target: Path, asked: tuple[str, ...], allow_mixed: bool) -> None:
    """Draw finished runs: score against budget and cost, what it is worth, and scores of other students.

    RUNS are folders with runs in them, single runs, or record files; by default the folder runs. Bars are 95 %
    intervals, or the standard deviation over students where a row has one seed.
    """
    from vlbench.analysis.plot import draw_board
    from vlbench.board.combine import read_table

    draw_board(read_table(runs, mixed=allow_mixed), target, panels=comma_list(asked))
    click.echo(f"Written to {readable_path(target)}")

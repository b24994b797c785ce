"""``vlbench export RUN``."""

from __future__ import annotations

from pathlib import Path

import click

from vlbench.cli.complete import Run
from vlbench.cli.shared import opened, readable_path


@click.command("export")
@click.argument("run", type=Run(by_name=True))
@click.option("--suite", default="", metavar="FILE", help="The suite's file, where the run was made with one.")
@click.option(
    "--to",
    "target",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="New or empty folder to write to.",
)
@click.pass_context
def command(context: click.Context, run: Path, suite: str, target: Path) -> None:
    """Write the pairs of a run as a table (CSV) and pictures (PNG), for use outside of vlbench.

    For real pairs the table gives position and name in the train split; for a learned text vector the nearest train
    text. The vector itself is in the run's artifact.safetensors.
    """
    from vlbench.analysis.export import export

    with opened(context, [run], suite) as (finished,):
        table = export(finished, target)
    click.echo(f"Written to {readable_path(table)}")

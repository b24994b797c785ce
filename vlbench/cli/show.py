"""``vlbench show RUN``."""

from __future__ import annotations

from pathlib import Path

import click

from vlbench.cli.complete import Run
from vlbench.cli.shared import readable_path, run_folder


@click.command("show")
@click.argument("run", type=Run(by_name=True))
@click.option(
    "--to",
    "target",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="PNG to write; by default pairs.png in the run.",
)
def command(run: Path, target: Path | None) -> None:
    """Draw the pairs of a run as a picture (PNG): a grid with captions, and the curve of its loss.

    RUN is a run's folder, or its name inside the folder runs.
    """
    from vlbench.board.picture import draw

    folder = run_folder(run)
    written = draw(folder, target or folder / "pairs.png")
    click.echo(f"Written to {readable_path(written)}")

"""``vlbench submit RUN``."""

from __future__ import annotations

from pathlib import Path

import click

from vlbench.cli.complete import Run
from vlbench.cli.shared import readable_path, run_folder


@click.command("submit")
@click.argument("run", type=Run(by_name=True))
@click.option("--out", "target", type=click.Path(path_type=Path), metavar="FILE", help="By default <id>.zip, here.")
def command(run: Path, target: Path | None) -> None:
    """Pack a finished run into one file that others can verify.

    RUN is a run's folder, or its name inside the folder runs. The same run gives the same bytes.
    """
    from vlbench.verification.submit import submit

    written = submit(run_folder(run), target)
    click.echo(f"Written to {readable_path(written)} ({written.stat().st_size:,} bytes)")
    click.echo(f"Check it anywhere: vlbench verify {written.name}")

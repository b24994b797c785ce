"""``vlbench score ARTIFACT``."""

from __future__ import annotations

from pathlib import Path

import click

from vlbench.cli.complete import Name, Run
from vlbench.cli.shared import (
    comma_list,
    data_option,
    device_option,
    echo_json,
    load,
    no_network,
    offline_option,
    run_path,
)
from vlbench.errors import ArtifactError


@click.command("score")
@click.argument("artifact", type=Run(by_name=True))
@click.option(
    "--suite",
    default="",
    type=Name("suite", or_file=True),
    metavar="NAME|FILE",
    help="Suite to score on; by default the one it was made for.",
)
@click.option(
    "--students",
    multiple=True,
    type=Name("student", several=True),
    metavar="NAME[,...]",
    help="Declared students that score it too.",
)
@device_option
@data_option
@offline_option
@click.option("--json", "as_json", is_flag=True, help="Print the record, and nothing else, on standard output.")
@click.pass_context
def command(
    context: click.Context,
    artifact: Path,
    suite: str,
    students: tuple[str, ...],
    device: str,
    data: Path | None,
    offline: bool,
    as_json: bool,
) -> None:
    """Train fresh students on a saved artifact and score them.

    ARTIFACT is a run's folder, its name inside the folder runs, or the folder of a saved artifact.
    """
    artifact = run_path(artifact)
    if not artifact.exists():
        raise ArtifactError(f"{str(artifact)!r} does not exist. Give the folder of a run, as vlbench run names it.")
    from vlbench.cli.progress import observer
    from vlbench.runs.request import RunRequest
    from vlbench.runs.rescoring import score_artifact

    registry = load(context)
    with no_network(offline), observer() as watching:
        request = RunRequest(suite=suite, students=comma_list(students), device=device, data=data)
        record = score_artifact(artifact, request, registry=registry, observer=watching)
    if as_json:
        echo_json(record)
        return
    from vlbench.board.console import echo_width
    from vlbench.board.leaderboard import build_table
    from vlbench.board.render_text import render_text
    from vlbench.records.record import FoundRecord

    width, styled = echo_width()
    click.echo(render_text(build_table([FoundRecord.of(record)]), width=width, styled=styled))

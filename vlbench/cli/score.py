"""``vlbench score ARTIFACT``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vlbench.cli.complete import Name, Run
from vlbench.cli.shared import echo_json, load, names, no_network
from vlbench.errors import ArtifactError


@click.command("score")
@click.argument("artifact", type=Run())
@click.option(
    "--suite",
    default="",
    type=Name("suite", or_file=True),
    metavar="NAME|FILE",
    help="Suite to score on; by default the one it was made for.",
)
@click.option("--students", default="", metavar="NAME[,...]", help="Declared students to score with as well.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option(
    "--data", metavar="DIR", type=click.Path(path_type=Path), help="Folder of the data set's files, unless prepared."
)
@click.option("--offline", is_flag=True, help="Opening a socket is an error. See vlbench prepare.")
@click.option("--json", "as_json", is_flag=True, help="Print the record, and nothing else, on standard output.")
@click.pass_context
def command(context: click.Context, /, artifact: Path, as_json: bool, offline: bool, **rest: Any) -> None:
    """Train fresh students on a saved artifact and score them.

    ARTIFACT is a run's folder, or the folder of a saved artifact.
    """
    if not artifact.exists():
        raise ArtifactError(f"{str(artifact)!r} does not exist. Give the folder of a run, as vlbench run names it.")
    from vlbench.cli.progress import observer
    from vlbench.runs.request import RunRequest
    from vlbench.runs.rescoring import score_artifact

    registry = load(context)
    with no_network(offline), observer() as watching:
        request = RunRequest(students=names(rest.pop("students")), **rest)
        record = score_artifact(artifact, request, registry=registry, observer=watching)
    if as_json:
        echo_json(record)
        return
    from vlbench.board.leaderboard import build_table
    from vlbench.board.render_text import echo_width, render_text

    width, styled = echo_width()
    click.echo(render_text(build_table([record]), width=width, styled=styled))

"""``vlbench prepare SUITE``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vlbench.cli.complete import Name, ProtocolKey
from vlbench.cli.shared import device_option, key_values, load, no_network

if TYPE_CHECKING:
    from vlbench.runs.prepare import Preparation


@click.command("prepare")
@click.argument("suite", type=Name("suite", or_file=True))
@click.option("--data", metavar="DIR", type=click.Path(path_type=Path), help="Folder with the dataset's files.")
@click.option(
    "--weights",
    metavar="DIR",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder with pretrained weights: those whose SHA-256 the suite states are read from there from now on.",
)
@click.option(
    "--set", "overrides", multiple=True, type=ProtocolKey(), metavar="KEY=VALUE", help="Change a value of the protocol."
)
@device_option
@click.option("--offline", is_flag=True, help="Fetch nothing: say what is missing.")
@click.pass_context
def command(
    context: click.Context,
    suite: str,
    data: Path | None,
    weights: Path | None,
    overrides: tuple[str, ...],
    device: str,
    offline: bool,
) -> None:
    """Fetch and compute once what SUITE needs, and say what is missing.

    Afterwards every run of the suite works with --offline, and needs no --data.
    """
    from vlbench.cli.progress import observer
    from vlbench.runs.prepare import prepare
    from vlbench.runs.request import RunRequest

    registry = load(context)
    request = RunRequest(suite=suite, device=device, overrides=key_values(overrides, flag="--set"), data=data)
    with no_network(offline), observer() as watching:
        found = prepare(registry, request, watching, weights=weights)
    _echo(found, suite)
    if not found.complete:
        context.exit(1)


def _echo(found: Preparation, suite: str) -> None:
    for file in found.files:
        click.echo(f"{'there  ' if file.there else 'MISSING'}  {file.path}")
        if not file.there:
            click.echo(f"         from {file.source}")
    for place, problem in found.encoders.items():
        click.echo(f"{'MISSING' if problem else 'there  '}  {place}")
        if problem:
            click.echo(f"         {problem}")
        elif place in found.weights:
            click.echo(f"         {found.weights[place]}, of the SHA-256 that the suite states")
    if found.data:
        click.echo(f"there    {found.data}")
    if found.problem:
        click.echo(f"WRONG    {found.problem}")
    if found.complete:
        click.echo(f"Ready. Next: vlbench run --suite {suite} --method NAME --budget 100 --offline")
    elif not all(file.there for file in found.files):
        click.echo("Put the missing files into one folder and name it: --data DIR.")

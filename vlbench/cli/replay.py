"""``vlbench replay RECORD``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vlbench.cli.complete import Run
from vlbench.cli.shared import echo_json, echo_rows, load, readable_path, run_path
from vlbench.errors import DataError
from vlbench.visible import visible

if TYPE_CHECKING:
    from vlbench.verification.replay import Drift, Replayed


@click.command("replay")
@click.argument("record", type=Run(by_name=True))
@click.option("--dry-run", is_flag=True, help="Only show the command, and what differs already.")
@click.option("--suite", default="", metavar="FILE", help="The protocol's TOML file, where it is no declared suite.")
@click.option("--device", default="", help="auto, cpu, cuda, ...; by default the kind that was used.")
@click.option(
    "--out", default=Path("replays"), show_default=True, type=click.Path(path_type=Path), help="Folder of the new run."
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found, and nothing else, on standard output.")
@click.pass_context
def command(
    context: click.Context, record: Path, *, dry_run: bool, suite: str, device: str, out: Path, as_json: bool
) -> None:
    """Run the command of a record again and report what differs.

    RECORD is a run's folder, its name inside the folder runs, a record.json or a bundle. The exit code is 0 if the
    recorded scores lie inside the interval of the new ones. The badge is written into the run's folder.
    """
    from vlbench.cli.progress import observer
    from vlbench.runs.session import Session
    from vlbench.verification import replay as claims

    registry, record = load(context), run_path(record)
    with claims.scratch_folder() as scratch, observer() as watching:
        source = claims.open_source(record, Path(scratch))
        request = claims.request_of(source.record, registry, suite=suite, device=device, out=out)
        words = claims.replay_words(source.record, registry, request)
        found: dict[str, Any] = {"command": words}
        if not as_json:
            click.echo(visible(shlex.join(words)))
        drifts = list(claims.drifts(source.record, Session(registry, request, watching)))
        found["drift"] = [drift._asdict() for drift in drifts]
        if not as_json:
            _echo_drifts(drifts)
        if any(drift.matters for drift in drifts) and not dry_run:
            raise DataError(
                "protocol or data are not those of the record, so its scores cannot be compared with any here."
            )
        replayed = None if dry_run else claims.replay(source, registry, request, watching)
        if replayed is not None and record.is_dir():
            claims.leave_evidence(source, replayed)
    if replayed is not None:
        found |= {"agrees": replayed.agrees, "checks": [vars(check) for check in replayed.checks]}
        found |= {"same_artifact": replayed.same_artifact, "same_code": replayed.same_code}
    if as_json:
        echo_json(found)
    elif replayed is not None:
        _echo_outcome(replayed, out)
    differs = any(drift.matters for drift in drifts) if replayed is None else not replayed.agrees
    context.exit(int(differs))


def _echo_drifts(drifts: list[Drift]) -> None:
    if not drifts:
        click.echo("Nothing differs: protocol, data, versions, plugins, device and threads are those of the record.")
        return
    echo_rows([(drift.what, drift.recorded, drift.here) for drift in drifts], header=("differs", "recorded", "here"))


def _echo_outcome(replayed: Replayed, out: Path) -> None:
    for check in replayed.checks:
        click.echo(f"{check.name.replace('retrained', 'replayed')}: {check.detail}")
    if replayed.same_artifact is not None:
        click.echo(f"artifact: {'the same' if replayed.same_artifact else 'not the same'} to the last byte")
    if replayed.same_code is not None:
        click.echo(f"method's code: {'the same' if replayed.same_code else 'not the same'}, by its hash")
    verdict = (
        "rebuilt" if replayed.rebuilt else "agrees" if replayed.agrees else "DIFFERS: a recorded score lies outside"
    )
    click.echo(click.style(verdict, bold=True))
    click.echo(f"Written to {readable_path(out / replayed.record.id)}")

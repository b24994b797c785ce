"""``vlbench verify BUNDLE``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vlbench.cli.shared import device_option, echo_json, echo_rows, load, readable_path
from vlbench.records.evidence import PROVES, SELF_REPORTED

if TYPE_CHECKING:
    from vlbench.verification.checks import ClaimCheck
    from vlbench.verification.verify import Verification


@click.command("verify")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option("--no-retrain", is_flag=True, help="Only what can be checked without training; the badge stays lowest.")
@click.option("--suite", default="", metavar="FILE", help="The protocol's TOML file, where it is no declared suite.")
@device_option
@click.option(
    "--out",
    "keep",
    type=click.Path(path_type=Path),
    metavar="RUNS",
    help="Unpack a claim that holds into this folder of runs, with the evidence: leaderboard shows its badge.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what was found, and nothing else, on standard output.")
@click.pass_context
def command(
    context: click.Context, bundle: Path, *, no_retrain: bool, suite: str, device: str, keep: Path | None, as_json: bool
) -> None:
    """Score someone's result again, without their code: form, hashes, budget, arithmetic, then students trained again.

    The exit code is 0 if nothing failed and, without --no-retrain, the students agree.
    """
    from vlbench.cli.progress import observer
    from vlbench.runs.request import RunRequest
    from vlbench.verification.verify import verify

    registry = load(context)
    with observer() as watching:
        request = RunRequest(suite=suite, device=device)
        found = verify(bundle, request, registry=registry, retrain=not no_retrain, observer=watching, keep=keep)
    if as_json:
        echo_json(found.as_json())
    else:
        echo_checks(found.checks)
        click.echo(_conclusion(found))
        if keep is not None and not found.failed:
            click.echo(f"Unpacked to {readable_path(Path(found.folder))}, a folder of its own")
    context.exit(int(found.failed or (found.badge == SELF_REPORTED and not no_retrain)))


def echo_checks(checks: list[ClaimCheck]) -> None:
    """A table of checks."""
    rows = [(check.name, check.outcome, check.detail) for check in checks]
    echo_rows(rows, header=("check", "result", "found"))


def _conclusion(found: Verification) -> str:
    if found.failed:
        return click.style("REFUSED: a check failed.", fg="red", bold=True)
    lines = [f"Badge: {click.style(found.badge, bold=True)} = {PROVES[found.badge]}"]
    if found.flags:
        lines.append(f"RESEMBLES TEST by {', '.join(found.flags)}: look at it with vlbench leaks.")
    return "\n".join(lines)

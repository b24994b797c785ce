"""``vlbench data``: check data, list forms, make stand-ins."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vlbench.cli.complete import Name, ProtocolKey
from vlbench.cli.shared import echo_json, echo_rows, key_values, load, readable_path
from vlbench.errors import DataError, VlbenchError

if TYPE_CHECKING:
    from vlbench.data.check import Report
    from vlbench.data.pairs import PairDataset
    from vlbench.registry.registry import Registry

SKIP = "skip_bad"
"""Option by which datasets leave out what cannot be read."""


@click.group("data")
def command() -> None:
    """Check data; list the forms that are read; make a stand-in."""


@command.command("check")
@click.argument("suite")
@click.option("--data", metavar="DIR", type=click.Path(path_type=Path), help="Folder of the dataset's files.")
@click.option(
    "--set",
    "overrides",
    multiple=True,
    type=ProtocolKey(),
    metavar="KEY=VALUE",
    help="As in data.options.skip_bad=true.",
)
@click.option("--strict", is_flag=True, help="A warning is a failure too.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def check(
    context: click.Context, suite: str, data: Path | None, overrides: tuple[str, ...], strict: bool, as_json: bool
) -> None:
    """Read the data of SUITE, a name or a TOML file: counts, lengths, duplicates, what is missing or broken.

    Exit code 0 if it can be read, 1 if not, or with --strict if there is a warning.

    Example: vlbench data check photographs.toml
    """
    from vlbench.data.check import check_data

    registry = load(context)
    changed = key_values(overrides, flag="--set")
    dataset, problem = _dataset(registry, suite, data, changed)
    if dataset is None:
        raise DataError(problem)
    report = check_data(dataset)
    if as_json:
        echo_json({"facts": report.facts, "warnings": report.warnings, "problem": problem or None})
    else:
        _echo_report(report, dataset.fingerprint, problem)
    if problem or (strict and report.warnings):
        context.exit(1)


def _dataset(
    registry: Registry, suite: str, data: Path | None, overrides: dict[str, str]
) -> tuple[PairDataset | None, str]:
    """The data, and what is wrong with it; with something wrong, what is left without it."""
    from vlbench.cli.progress import observer
    from vlbench.registry.options import describe
    from vlbench.runs.request import RunRequest
    from vlbench.runs.session import Session

    with observer() as watching:
        session = Session(registry, RunRequest(suite=suite, overrides=overrides, data=data), watching)
        try:
            return session.dataset, ""
        except VlbenchError as error:
            problem = str(error)
        known = {option.name for option in describe(registry.get("dataset", session.protocol.data).options)}
        if SKIP not in known - set(session.protocol.data_options):
            return None, problem
        more = {**overrides, f"data.options.{SKIP}": "true"}
        try:
            return Session(registry, RunRequest(suite=suite, overrides=more, data=data), watching).dataset, problem
        except VlbenchError:
            return None, problem


def _echo_report(report: Report, fingerprint: str, problem: str) -> None:
    echo_rows(list(report.facts.items()))
    click.echo(f"fingerprint {fingerprint[:12]}")
    for warning in report.warnings:
        click.echo(f"Warning: {warning}")
    if problem:
        click.echo(f"Error: {problem}", err=True)
        click.echo(f"The counts above are of what is left with {SKIP} = true.", err=True)
    elif not report.warnings:
        click.echo("Nothing to warn of.")


@command.command("formats")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def formats(context: click.Context, as_json: bool) -> None:
    """List the forms of files that are read."""
    from vlbench.registry.specs import resolve

    found = [
        (name, text, spec.name)
        for spec in load(context).all("dataset").values()
        if spec.forms
        for name, text in resolve(spec.forms)()
    ]
    if as_json:
        echo_json([{"name": name, "dataset": owner, "summary": text} for name, text, owner in found])
        return
    echo_rows([(name, text) for name, text, _ in found], header=("form", "what it looks like"))
    click.echo("\nWrite a suite for yours with: vlbench init PATH")


@command.command("mock")
@click.argument("name", type=Name("dataset"))
@click.option("--images", default=200, show_default=True, help="Images in all splits together.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="A new folder; by default mock-NAME.")
@click.pass_context
def mock(context: click.Context, name: str, images: int, out: Path | None) -> None:
    """Write drawn images under the files, names and splits of the dataset NAME.

    For trying a protocol from end to end: rows made on a mock say so, and are never ranked.
    """
    from vlbench.registry.specs import resolve

    registry = load(context)
    spec = registry.get("dataset", name)
    if not spec.mock:
        able = ", ".join(sorted(other.name for other in registry.all("dataset").values() if other.mock))
        raise DataError(f"dataset {name!r} has no mock. Those that have one: {able or 'none'}.")
    folder = out or Path(f"mock-{name}")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DataError(f"{folder} exists already. Name a new folder: --out DIR, or remove this one.")
    resolve(spec.mock)(images, folder)
    click.echo(f"Written to {readable_path(folder)}: a stand-in for {name}, whose rows are never ranked.")
    for suite in _suites_on(registry, name):
        click.echo(f"Next: vlbench prepare {suite} --data {readable_path(folder)}")


def _suites_on(registry: Registry, name: str) -> list[str]:
    """Suites whose dataset this is."""
    import tomllib

    tables = {suite: tomllib.loads(spec.read_text()) for suite, spec in sorted(registry.all("suite").items())}
    return [suite for suite, table in tables.items() if table.get("data", {}).get("name") == name]

"""``vlbench data``: what can be made for trying a data set."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vlbench.cli.complete import Name
from vlbench.cli.shared import load, readable_path

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry


@click.group("data")
def command() -> None:
    """Make a small stand-in for a data set that you do not have yet."""


@command.command("mock")
@click.argument("name", type=Name("dataset"))
@click.option("--images", default=200, show_default=True, help="Images in all splits together.")
@click.option("--out", metavar="DIR", type=click.Path(path_type=Path), help="A new folder; by default mock-NAME.")
@click.pass_context
def mock(context: click.Context, name: str, images: int, out: Path | None) -> None:
    """Write drawn images under the files, names and splits of the data set NAME.

    For trying a protocol from end to end: rows made on a mock say so, and are never ranked.
    """
    from vlbench.errors import DataError
    from vlbench.registry.specs import resolve

    registry = load(context)
    spec = registry.get("dataset", name)
    if not spec.mock:
        able = ", ".join(sorted(other.name for other in registry.all("dataset").values() if other.mock))
        raise DataError(f"data set {name!r} has no mock. Those that have one: {able or 'none'}.")
    folder = out or Path(f"mock-{name}")
    resolve(spec.mock)(images, folder)
    click.echo(f"Written to {readable_path(folder)}: a stand-in for {name}, whose rows are never ranked.")
    for suite in _suites_on(registry, name):
        click.echo(f"Next: vlbench prepare {suite} --data {readable_path(folder)}")


def _suites_on(registry: Registry, name: str) -> list[str]:
    """Suites whose data set this is."""
    import tomllib

    tables = {suite: tomllib.loads(spec.read_text()) for suite, spec in sorted(registry.all("suite").items())}
    return [suite for suite, table in tables.items() if table.get("data", {}).get("name") == name]

"""``vlbench suites [NAME]``."""

from __future__ import annotations

import click

from vlbench.cli.complete import Name
from vlbench.cli.shared import echo_json, echo_rows, load


@click.command("suites")
@click.argument("name", required=False, type=Name("suite"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, name: str | None, as_json: bool) -> None:
    """List suites, or print the protocol file of one: a start for a file of your own."""
    registry = load(context)
    if name is not None:
        click.echo(registry.get("suite", name).read_text(), nl=False)
        return
    specs = sorted(registry.all("suite").values(), key=lambda spec: spec.name)
    if as_json:
        echo_json([{"name": spec.name, "summary": spec.summary} for spec in specs])
        return
    echo_rows([(spec.name, spec.summary) for spec in specs], header=("suite", "summary"))

"""``vlbench doctor``."""

from __future__ import annotations

import shutil
import textwrap
from dataclasses import asdict

import click

from vlbench.cli.shared import echo_json

MARKS = {
    "ok": click.style("ok", fg="green"),
    "note": click.style("note", fg="yellow"),
    "fault": click.style("FAULT", fg="red"),
}
INDENT = 17


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """Look at this machine: Python, torch, device, threads, FAISS, cache, disk, network, plugins, extras.

    Below each fault stands what to do. Exit code 1 if there is a fault.
    """
    from vlbench.doctor import examine
    from vlbench.registry.loader import try_plugins

    found = []
    for finding in examine(try_plugins(context.obj or ())):
        found.append(finding)
        if not as_json:
            _echo(finding.name, finding.level, finding.value, finding.advice)
    faults = sum(finding.level == "fault" for finding in found)
    if as_json:
        echo_json([asdict(finding) for finding in found])
    else:
        click.echo(f"\nFaults: {faults}." if faults else "\nNo fault.")
    context.exit(int(faults > 0))


def _echo(name: str, level: str, value: str, advice: str) -> None:
    width = max(shutil.get_terminal_size((100, 24)).columns, 40)
    space = " " * INDENT
    mark = MARKS[level] + " " * (6 - len(level))
    click.echo(textwrap.fill(value, width, initial_indent=f"{name:<10} {mark}", subsequent_indent=space))
    if advice:
        click.echo(textwrap.fill(advice, width, initial_indent=f"{space}-> ", subsequent_indent=f"{space}   "))

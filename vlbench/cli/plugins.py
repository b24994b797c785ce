"""``vlbench plugins``."""

from __future__ import annotations

import click

from vlbench.cli.shared import echo_json, echo_rows, load


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List plugins and whether each could be loaded."""
    plugins = load(context).plugins
    if as_json:
        echo_json([vars(plugin) for plugin in plugins])
        return
    rows = [
        (plugin.name, plugin.distribution or "file", plugin.version or "-", _status(plugin.status, plugin.detail))
        for plugin in plugins
    ]
    echo_rows(rows, header=("plugin", "distribution", "version", "status"))


def _status(status: str, detail: str) -> str:
    return f"{status}: {detail}" if detail else status

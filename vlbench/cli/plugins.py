"""``vlbench plugins``."""

from __future__ import annotations

import click

from vlbench.cli.shared import echo_json, echo_rows
from vlbench.registry.loader import check_strict, try_plugins
from vlbench.registry.registry import Plugin, Registry


@click.command("plugins")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List plugins, whether each could be loaded, and what it declares."""
    registry = try_plugins(context.obj or ())
    if as_json:
        echo_json([{**vars(plugin), "declares": registry.declared_by(plugin.name)} for plugin in registry.plugins])
    else:
        _echo(registry)
    check_strict(registry)


def _echo(registry: Registry) -> None:
    rows = [(plugin.name, _origin(plugin), plugin.status, _declares(registry, plugin)) for plugin in registry.plugins]
    echo_rows(rows, header=("plugin", "from", "status", "declares"))
    for plugin in registry.plugins:
        if plugin.detail:
            click.echo(f"\n{click.style(plugin.name, bold=True)} ({plugin.status}): {plugin.detail}")


def _origin(plugin: Plugin) -> str:
    return f"{plugin.distribution} {plugin.version}".strip() or "file"


def _declares(registry: Registry, plugin: Plugin) -> str:
    declared = registry.declared_by(plugin.name).items()
    return "; ".join(f"{kind}{'s' if len(names) > 1 else ''} {', '.join(names)}" for kind, names in declared)

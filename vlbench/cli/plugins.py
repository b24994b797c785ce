"""``vlbench plugins``: the list, and the commands for those who write plugins."""

from __future__ import annotations

import click

from vlbench.cli.groups import LazyGroup
from vlbench.cli.shared import echo_json, echo_rows
from vlbench.registry.loader import check_strict, try_plugins
from vlbench.registry.registry import Plugin, Registry

COMMANDS = {
    "check": "Run the conformance checks on a plugin or on one thing it declares.",
    "new": "Write the package of a new plugin.",
}


@click.group(
    "plugins",
    cls=LazyGroup,
    modules="vlbench.cli.plugins_",
    sections={"Commands": COMMANDS},
    invoke_without_command=True,
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, as_json: bool) -> None:
    """List plugins, whether each could be loaded, and what it declares."""
    if context.invoked_subcommand is None:
        _list(try_plugins(context.obj or ()), as_json)


def _list(registry: Registry, as_json: bool) -> None:
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

"""``vlbench datasets``, ``encoders`` and ``students``: what is declared of a kind, or one of them with its options."""

from __future__ import annotations

from typing import Any

import click

from vlbench.cli.complete import Name
from vlbench.cli.shared import echo_json, echo_rows, load


def listing(kind: str, *, used: str) -> click.Command:
    """The command that lists a kind of declarations and describes one.

    Args:
        kind: as in :data:`vlbench.registry.registry.KINDS`.
        used: how an option of one is given, with NAME and KEY in it.
    """

    @click.command(f"{kind}s", help=f"List {kind}s, or describe one with its options.")
    @click.argument("name", required=False, type=Name(kind))
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @click.pass_context
    def command(context: click.Context, name: str | None, as_json: bool) -> None:
        registry = load(context)
        if name is not None:
            _describe(registry.get(kind, name), registry.owner(kind, name), used, as_json=as_json)
            return
        specs = sorted(registry.all(kind).values(), key=lambda spec: (_side(spec), spec.name))
        if as_json:
            echo_json([{"name": spec.name, "summary": spec.summary} | _sides(spec) for spec in specs])
            return
        header = (kind, "side", "summary") if any(map(_side, specs)) else (kind, "summary")
        rows = [
            (spec.name, _side(spec), spec.summary) if len(header) > 2 else (spec.name, spec.summary) for spec in specs
        ]
        echo_rows(rows, header=header)

    return command


def _side(spec: Any) -> str:
    return str(getattr(spec, "side", ""))


def _sides(spec: Any) -> dict[str, str]:
    return {"side": _side(spec)} if _side(spec) else {}


def _describe(spec: Any, plugin: str, used: str, *, as_json: bool) -> None:
    from vlbench.registry.options import describe

    options = describe(spec.options) if hasattr(spec, "options") else []
    towers = {side: dict(tower) for side, tower in getattr(spec, "towers", {}).items()}
    if as_json:
        about = {"name": spec.name, "summary": spec.summary, "plugin": plugin} | _sides(spec)
        echo_json(about | ({"towers": towers} if towers else {"options": [row._asdict() for row in options]}))
        return
    click.echo(f"{click.style(spec.name, bold=True)}: {spec.summary}")
    echo_rows([("plugin", plugin), *_sides(spec).items()])
    click.echo()
    if towers:
        rows = [(side, key, str(value)) for side, tower in towers.items() for key, value in tower.items()]
        echo_rows(rows, header=("side", "key", "value"))
    elif options:
        echo_rows([narrow(row) for row in options], header=("option", "type", "default", "meaning"))
    else:
        click.echo("It has no options.")
        return
    key = options[0].name if options else ""
    click.echo(f"\n{used.replace('NAME', spec.name).replace('KEY', key)}")


WIDEST = 18
"""Letters of a type that has a column of its own."""


def narrow(row: Any) -> tuple[str, str, str, str]:
    """A row whose many choices, or whose range, stand in its meaning, so that there is room for the text."""
    if len(row.type) <= WIDEST:
        return row.name, row.type, row.default, row.help
    if "|" in row.type:
        return row.name, "choice", row.default, f"{row.help}; one of {row.type.replace('|', ', ')}"
    kind, _, limits = row.type.partition(", ")
    return row.name, kind, row.default, f"{row.help}; {limits}" if limits else row.help

"""``vlbench methods [NAME]``."""

from __future__ import annotations

import click

from vlbench.cli.complete import Name
from vlbench.cli.listings import narrow
from vlbench.cli.shared import echo_json, echo_rows, load
from vlbench.registry.options import describe, without_repeats
from vlbench.registry.registry import Registry


@click.command("methods")
@click.argument("name", required=False, type=Name("method"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, name: str | None, as_json: bool) -> None:
    """List methods, or describe one with its options."""
    registry = load(context)
    if name is not None:
        _describe(registry, name, as_json)
        return
    specs = sorted(registry.all("method").values(), key=lambda spec: (spec.family, spec.name))
    if as_json:
        echo_json([{"name": spec.name, "family": spec.family, "summary": spec.summary} for spec in specs])
        return
    echo_rows([(spec.name, spec.family, spec.summary) for spec in specs], header=("method", "family", "summary"))


def _describe(registry: Registry, name: str, as_json: bool) -> None:
    spec = registry.get("method", name)
    rows = describe(spec.options)
    plugin = registry.owner("method", name)
    if as_json:
        fields = ("name", "family", "summary", "paper", "deterministic", "sees_val", "scaling", "target")
        declared = {field: getattr(spec, field) for field in fields}
        echo_json({**declared, "plugin": plugin, "options": [row._asdict() for row in rows]})
        return
    click.echo(f"{click.style(name, bold=True)} ({spec.family}): {spec.summary}")
    facts = [("paper", spec.paper), ("plugin", plugin)]
    facts += [("seed", "changes nothing: the method is deterministic")] if spec.deterministic else []
    facts += [("sees", "the val split as well as train")] if spec.sees_val else []
    facts += [("scaling", "work grows with the square of the train pairs")] if spec.scaling == "quadratic" else []
    echo_rows([fact for fact in facts if fact[1]])
    click.echo()
    if rows:
        shorter, notes = without_repeats(rows)
        echo_rows([narrow(row) for row in shorter], header=("option", "type", "default", "meaning"))
        click.echo("".join(f"\n{note}" for note in notes))
        click.echo(f"Give one as in:  vlbench run --method {name} --budget 500 -o {rows[0].name}=VALUE")
    else:
        click.echo("It has no options.")

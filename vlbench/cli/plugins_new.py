"""``vlbench plugins new NAME``."""

from __future__ import annotations

from pathlib import Path

import click

from vlbench.cli.shared import load, readable_path

METHODS = ("selection", "distillation")
FAMILIES = (*METHODS, "dataset", "encoder", "suite", "head", "student", "score", "observer", "executor")


@click.command("new")
@click.argument("name")
@click.option("--family", type=click.Choice(FAMILIES), default="selection", show_default=True, help="What to write.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path(),
    metavar="DIR",
    help="Existing folder to write the package's folder into; the current one by default.",
)
@click.pass_context
def command(context: click.Context, name: str, family: str, out: Path) -> None:
    """Write a package for a method, dataset, encoder, suite, head, student, score, observer or executor called NAME.

    It installs, passes its own tests and runs at once. Change it from there.
    """
    from vlbench.scaffold.package import write_package

    files = write_package(name, family, out, load(context))
    folder = readable_path(out / name)
    click.echo(f"Wrote {folder}:")
    for file in files:
        click.echo(f"  {file}")
    click.echo(f"\nNext:\n  pip install -e '{folder}[test]'\n  pytest {folder}\n  vlbench plugins check {name}")
    click.echo(f"How to run it, and what to change:  {folder}/README.md")

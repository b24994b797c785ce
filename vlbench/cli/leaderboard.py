"""``vlbench leaderboard [RUNS]``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vlbench.cli.complete import Name, Run, Word, published_datasets
from vlbench.cli.shared import brief, load, readable_path, without_plugins

if TYPE_CHECKING:
    from vlbench.board.table import LeftOut, Table
    from vlbench.records.record import FoundRecord

BUILT_IN = "vlbench"
"""Name of the plugin that declares the core's own formats."""
USUAL = "text"
"""The core's format that is written where none is given."""


@click.command("leaderboard")
@click.argument("runs", nargs=-1, type=Run())
@click.option(
    "--format",
    "form",
    default=USUAL,
    show_default=True,
    type=Name("format"),
    metavar="NAME",
    help="How to write the table.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it to a file.")
@click.option(
    "--published",
    type=Word(published_datasets),
    metavar="DATASET",
    help="Show what papers report on a dataset instead, such as flickr30k.",
)
@click.option("--allow-mixed", is_flag=True, help="Folders that cannot be compared: tables apart, no refusal.")
@click.option(
    "--equal",
    "equal",
    type=click.Choice(("pairs", "bytes", "seconds")),
    help="Best score of every method within so many, over all budgets.",
)
@click.pass_context
def command(
    context: click.Context,
    runs: tuple[Path, ...],
    form: str,
    out: Path | None,
    published: str | None,
    allow_mixed: bool,
    equal: str | None,
) -> None:
    """Show finished runs as a table.

    RUNS are folders with runs in them, single runs, or record files; by default the folder runs."""
    with brief():
        if published:
            text = _published(context, published, runs, form)
        elif equal:
            text = _equal(equal, runs, form, mixed=allow_mixed, to_file=out is not None)
        else:
            text = _board(context, runs, form, to_file=out is not None, mixed=allow_mixed)
    if out is None:
        click.echo(text)
        return
    from vlbench.disk.leftovers import remove_leftovers
    from vlbench.files import write_whole

    # A stranger's record may hold half a character, which no encoding has.
    write_whole(out, f"{text}\n".encode(errors="replace"))
    remove_leftovers(out.parent, depth=0)
    click.echo(f"Written to {readable_path(out)}")


def _board(context: click.Context, runs: tuple[Path, ...], form: str, *, to_file: bool, mixed: bool) -> str:
    from vlbench.board.combine import read_boards, table_of
    from vlbench.board.gather import drawn
    from vlbench.errors import PluginError

    write, of_plugin = _writer(context, form, to_file=to_file)

    def draw(records: Sequence[FoundRecord], left_out: Sequence[LeftOut]) -> object:
        return write(table_of(records, left_out))

    text, found = drawn(read_boards(runs, mixed=mixed), draw, blame=not of_plugin)
    for folder, reason in found.left_out:
        click.echo(f"Left out: {folder}: {reason}", err=True)
    if not isinstance(text, str):
        raise PluginError(f"format {form!r} returned {type(text).__name__}. It must return text.")
    return text.rstrip("\n")


def _writer(context: click.Context, form: str, *, to_file: bool) -> tuple[Callable[[Table], object], bool]:
    """What writes a table in a format, and whether that is a plugin's."""
    from vlbench.board.console import echo_width

    width, styled = echo_width()
    shape: dict[str, Any] = {"width": width, "styled": styled and not to_file}
    if form == USUAL and without_plugins(context):  # the registry would take a tenth of the command's time
        from vlbench.board.render_text import render_text

        return partial(render_text, **shape), False
    from vlbench.board.published import Literature
    from vlbench.registry.invoke import call

    registry = load(context, needed=("format", form))
    registry.get("format", form)
    offered = shape | {"published": Literature(registry.all("published").values())}
    of_plugin = registry.owner("format", form) != BUILT_IN
    return lambda table: call(registry, "format", form, table=table, **offered), of_plugin


def _equal(cost: str, runs: tuple[Path, ...], form: str, *, mixed: bool, to_file: bool) -> str:
    from vlbench.board.combine import read_table
    from vlbench.board.console import echo_width
    from vlbench.board.equal import render_equal

    if form != "text":
        raise click.UsageError("--equal is written as text: give it no --format.")
    table, (width, styled) = read_table(runs, mixed=mixed), echo_width()
    for folder, reason in table.left_out:
        click.echo(f"Left out: {folder}: {reason}", err=True)
    return render_equal(table, cost, width=width, styled=styled and not to_file)


def _published(context: click.Context, dataset: str, runs: tuple[Path, ...], form: str) -> str:
    from vlbench.board.console import echo_width
    from vlbench.board.published import literature
    from vlbench.board.render_published import render_published

    if runs or form != "text":
        raise click.UsageError("--published shows numbers of papers, as text: give it no RUNS and no --format.")
    return render_published(literature(context.obj or ()), dataset, width=echo_width()[0])

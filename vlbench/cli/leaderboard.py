"""``vlbench leaderboard [RUNS]``."""

from __future__ import annotations

from pathlib import Path

import click

from vlbench.cli.shared import load, readable_path


@click.command("leaderboard")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option("--format", "form", default="text", show_default=True, metavar="NAME", help="How to write the table.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it to a file.")
@click.pass_context
def command(context: click.Context, runs: tuple[Path, ...], form: str, out: Path | None) -> None:
    """Show finished runs as a table.

    RUNS are folders with runs in them, single runs, or record files; by default the folder runs.
    """
    from vlbench.board.leaderboard import build_table
    from vlbench.board.record import find_records
    from vlbench.board.render_text import echo_width
    from vlbench.errors import PluginError
    from vlbench.files import write_whole
    from vlbench.registry.calls import call

    registry = load(context)
    registry.format(form)
    default = [Path("runs")] if Path("runs").is_dir() else []
    table = build_table(find_records(runs or default))
    width, styled = echo_width()
    text = call(registry, "format", form, table=table, width=width, styled=styled and out is None)
    if not isinstance(text, str):
        raise PluginError(f"format {form!r} returned {type(text).__name__}. It must return text.")
    text = text.rstrip("\n")
    if out is None:
        click.echo(text)
        return
    # A stranger's record may hold half a character, which no encoding has.
    write_whole(out, f"{text}\n".encode(errors="replace"))
    click.echo(f"Written to {readable_path(out)}")

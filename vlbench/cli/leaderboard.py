"""``vlbench leaderboard [RUNS]``."""

from __future__ import annotations

from pathlib import Path

import click

from vlbench.board.leaderboard import Table, build_table
from vlbench.board.record import find_records


@click.command("leaderboard")
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    default="text",
    show_default=True,
    type=click.Choice(["text", "markdown", "csv", "json", "latex"]),
    help="How to write the table.",
)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write it to a file.")
def command(runs: tuple[Path, ...], form: str, out: Path | None) -> None:
    """Show finished runs as a table.

    RUNS are folders with runs in them, single runs, or record files; by default the folder runs.
    """
    default = [Path("runs")] if Path("runs").is_dir() else []
    text = _render(build_table(find_records(runs or default)), form)
    if out is None:
        click.echo(text)
        return
    from vlbench.cli.shared import readable_path
    from vlbench.files import write_whole

    write_whole(out, f"{text}\n".encode())
    click.echo(f"Written to {readable_path(out)}")


def _render(table: Table, form: str) -> str:
    if form == "markdown":
        from vlbench.board.render_markdown import render_markdown

        return render_markdown(table)
    if form == "csv":
        from vlbench.board.render_csv import render_csv

        return render_csv(table).rstrip("\n")
    if form == "json":
        from vlbench.board.render_json import render_json

        return render_json(table)
    if form == "latex":
        from vlbench.board.render_latex import render_latex

        return render_latex(table)
    from vlbench.board.render_text import echo_width, render_text

    width, styled = echo_width()
    return render_text(table, width=width, styled=styled)

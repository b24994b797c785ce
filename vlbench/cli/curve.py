"""``vlbench curve SUITE``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vlbench.cli.shared import echo_json, echo_rows, load


@click.command("curve")
@click.argument("suite")
@click.option("--seeds", default=3, show_default=True, type=click.IntRange(min=1), help="Draws of pairs at each size.")
@click.option("--sizes", default=20, show_default=True, type=click.IntRange(min=2), help="Sizes, up to all train data.")
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the suite's files.")
@click.option(
    "--runs", type=click.Path(path_type=Path, exists=True), metavar="DIR", help="Also what each run there is worth."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    context: click.Context, suite: str, seeds: int, sizes: int, data: Path | None, runs: Path | None, as_json: bool
) -> None:
    """Show how students learn from more and more random pairs, and how many a score is worth.

    Sizes that were computed before are found in the cache, so that a stopped curve goes on.
    """
    from vlbench.analysis.curve import learning_curve
    from vlbench.analysis.worth import summary
    from vlbench.cli.progress import observer
    from vlbench.runs.request import RunRequest
    from vlbench.runs.session import Session

    with observer() as watching:
        session = Session(load(context), RunRequest(suite=suite, data=data), watching)
        result = summary(learning_curve(session, seeds=seeds, count=sizes), session, runs)
    if as_json:
        echo_json(result)
        return
    _print(result)


def _print(result: dict[str, Any]) -> None:
    rows = [(f"{row['pairs']:,}", f"{row['mean']:.1f}", f"{row['share']:.0%}") for row in result["curve"]]
    echo_rows(rows, header=("random pairs", "mean recall", "of the last"))
    click.echo("")
    for share, pairs in result["pairs_for_share"].items():
        click.echo(f"{float(share):.0%} of the last score takes about {pairs:,.0f} random pairs.")
    if result["runs"]:
        click.echo("")
        shown = [
            (row["method"], row["budget"], f"{row['mean']:.1f}", f"{row['worth']:,.0f}", _span(row["interval"]))
            for row in result["runs"]
        ]
        echo_rows(shown, header=("method", "budget", "mean recall", "worth, pairs", "95 % interval"))


def _span(interval: tuple[float, float]) -> str:
    return f"{interval[0]:,.0f} to {interval[1]:,.0f}"

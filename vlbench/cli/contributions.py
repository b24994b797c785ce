"""``vlbench contributions RUN``."""

from __future__ import annotations

from pathlib import Path

import click

from vlbench.cli.complete import Run
from vlbench.cli.shared import echo_json, echo_rows, opened


@click.command("contributions")
@click.argument("run", type=Run(by_name=True))
@click.option("--suite", default="", metavar="FILE", help="The suite's file, where the run was made with one.")
@click.option("--json", "as_json", is_flag=True, help="Print the result, and nothing else, on standard output.")
@click.pass_context
def command(context: click.Context, run: Path, suite: str, as_json: bool) -> None:
    """Score each side of a distilled set on its own: that side as learned, the other as it started.

    Where there are soft targets: the start with them (targets only), and both learned sides without (targets off).
    """
    from vlbench.analysis.contributions import contributions

    with opened(context, [run], suite) as (finished,):
        result = contributions(finished)
    if as_json:
        echo_json(result)
        return
    rows = [
        (part, f"{scores.mean_recall.mean:.1f}", f"±{scores.mean_recall.sd:.1f}") for part, scores in result.items()
    ]
    echo_rows(rows, header=("learned", "mean recall", "sd"))

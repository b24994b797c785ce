"""``vlbench strength RUN...``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vlbench.cli.complete import Run
from vlbench.cli.shared import echo_json, echo_rows, opened, readable_path
from vlbench.errors import DataError


@click.command("strength")
@click.argument("runs", nargs=-1, required=True, type=Run(by_name=True))
@click.option("--students", "seeds", default=0, type=click.IntRange(min=0), help="Students of each; 0: as the suite.")
@click.option("--suite", default="", metavar="FILE", help="The suite's file, where the runs were made with one.")
@click.option(
    "--to", "target", type=click.Path(path_type=Path), metavar="FILE", help="PNG to draw; needs vlbench[plot]."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result, and nothing else, on standard output.")
@click.pass_context
def command(
    context: click.Context, runs: tuple[Path, ...], seeds: int, suite: str, target: Path | None, as_json: bool
) -> None:
    """Show how a lead depends on the student: weak or strong, tuned or not, or trained as the released scripts do.

    RUNS are of one suite and one budget; those of the suite's baselines must be among them.
    """
    from vlbench.analysis.strength import strength

    with opened(context, runs, suite) as finished:
        protocol = finished[0].session.protocol
        if target is not None and not protocol.rows.always:
            raise DataError(f"suite {protocol.name!r} has no baselines (rows.always), so there is no lead to draw.")
        result = strength(finished, seeds=seeds)
    if target is not None:
        from vlbench.analysis.picture import draw_strength

        draw_strength(result, target)
    if as_json:
        echo_json(result)
        return
    echo_rows(
        [_row(row) for row in result["rows"]],
        header=("student", "steps", "method", "mean", *(f"over {name}" for name in result["baselines"])),
    )
    if target is not None:
        click.echo(f"Written to {readable_path(target)}")


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    recall = row["scores"]["mean_recall"]
    leads = [f"{lead:+.1f}" for lead in row["lead"].values()]
    return (row["effort"], str(row["steps"]), row["method"], f"{recall['mean']:.1f} ±{recall['sd']:.1f}", *leads)

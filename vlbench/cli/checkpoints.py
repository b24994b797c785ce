"""``vlbench checkpoints RUN``."""

from __future__ import annotations

from pathlib import Path

import click

from vlbench.cli.complete import Run
from vlbench.cli.shared import echo_json, echo_rows, opened


@click.command("checkpoints")
@click.argument("run", type=Run(by_name=True))
@click.option("--every", default=0, type=click.IntRange(min=0), help="Steps between evaluations; 0: a tenth of all.")
@click.option("--published", is_flag=True, help="Train as the released scripts do, not by the recipe chosen on val.")
@click.option("--suite", default="", metavar="FILE", help="The suite's file, where the run was made with one.")
@click.option("--json", "as_json", is_flag=True, help="Print the result, and nothing else, on standard output.")
@click.pass_context
def command(context: click.Context, run: Path, every: int, published: bool, suite: str, as_json: bool) -> None:
    """Measure what picking the best test epoch gains.

    Trains the run's students again and scores val and test along the way. The last step and the one that is best on val
    may be ranked; the best on test is what released scripts report, and stands here to show its bias.
    """
    from vlbench.analysis.checkpoints import choose_checkpoints

    with opened(context, [run], suite) as (finished,):
        result = choose_checkpoints(finished, every=every, published=published)
    if as_json:
        echo_json(result)
        return
    names = {"last": "last step", "val_chosen": "best on val", "best_on_test": "best on test (never ranked)"}
    table = [
        (label, f"{result[key]['mean']:.2f}", f"±{result[key]['sd']:.2f}", _bias(result, key))
        for key, label in names.items()
    ]
    echo_rows(table, header=("step taken", "mean recall", "sd", "best on test is higher by"))
    evaluations, seeds = len(result["steps"]), len(result["last"]["seeds"])
    click.echo(f"{evaluations} evaluations, every {result['every']} steps; {seeds} students.")


def _bias(result: dict[str, dict[str, float]], key: str) -> str:
    return f"{result['bias'][key]:+.2f}" if key in result["bias"] else ""

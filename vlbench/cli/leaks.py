"""``vlbench leaks RUN``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vlbench.cli.complete import Run
from vlbench.cli.shared import echo_json, echo_rows, opened, readable_path


@click.command("leaks")
@click.argument("run", type=Run(by_name=True))
@click.option("--suite", default="", metavar="FILE", help="The suite's file, where the run was made with one.")
@click.option(
    "--to", "target", type=click.Path(path_type=Path), metavar="FILE", help="PNG to draw; needs vlbench[plot]."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result, and nothing else, on standard output.")
@click.pass_context
def command(context: click.Context, run: Path, suite: str, target: Path | None, as_json: bool) -> None:
    """Check whether learned pairs look copied from test items: are they nearer to them than real train items are?

    A flag is a reason to look, not a verdict.
    """
    from vlbench.runs.leaks import audit

    with opened(context, [run], suite) as (finished,):
        result = audit(finished.artifact, finished.session)
        if target is not None:
            from vlbench.analysis.picture import draw_nearest

            target = draw_nearest(finished, result, target)
    if as_json:
        echo_json(result)
        return
    echo_rows(
        [_row(name, look) for name, look in result.items()],
        header=("look", "near", "expected", "median cosine", "of train", "p", "flag"),
    )
    click.echo("near: pairs nearer to a test item than 99 % of train items are. A flag asks for a look, no more.")
    if target is not None:
        click.echo(f"Written to {readable_path(target)}")


def _row(name: str, look: dict[str, Any]) -> tuple[str, ...]:
    ours, train = (look["quantiles"][of][2] for of in ("pairs", "train"))
    p_value = f"{look['p_value']:.2g}"
    return (
        name,
        str(look["near"]),
        f"{look['expected']:.1f}",
        f"{ours:.3f}",
        f"{train:.3f}",
        p_value,
        "look" if look["flag"] else "no",
    )

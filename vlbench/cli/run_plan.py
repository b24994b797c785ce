"""``vlbench run --plan`` and ``--print-commands``: what a command would make, and nothing is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from vlbench.cli.shared import echo_json, echo_rows

if TYPE_CHECKING:
    from vlbench.budget import Budget
    from vlbench.registry.registry import Registry
    from vlbench.runs.plan import RunPlan
    from vlbench.runs.request import RunRequest
    from vlbench.runs.session import Session

HEADER = ("row", "state", "about", "size", "memory")


def show_plan(
    registry: Registry,
    methods: Sequence[str],
    budgets: Sequence[Budget],
    request: RunRequest,
    *,
    as_commands: bool,
    as_json: bool,
) -> None:
    """Print the rows of a command, or a shell command for each that is left."""
    from vlbench.cli.progress import observer
    from vlbench.runs.pipeline import planned

    with observer() as watching:
        session, plan = planned(registry, methods=methods, budgets=budgets, request=request, observer=watching)
    if as_commands:
        _echo_commands(session, plan)
    elif as_json:
        echo_json(_as_json(plan))
    else:
        for line in plan.lines():
            click.echo(line)
        echo_rows(plan.table(), header=HEADER)
        if any(row.left_s and not row.estimate.complete for row in plan.rows):
            click.echo("+: no row of the method was timed before, so condensing is not in it.")


def _echo_commands(session: Session, plan: RunPlan) -> None:
    """One line for each row that is left. What they need stands in a file beside the runs."""
    from vlbench.runs.pipeline import grid_of
    from vlbench.runs.plan import FINISHED

    grid = grid_of(session, plan.rows)
    for index, row in enumerate(plan.rows):
        if row.state != FINISHED:
            click.echo(grid.shell_line(index))
    click.echo(f"Progress: vlbench status {session.request.out}. The table, at the end: this command again.", err=True)


def _as_json(plan: RunPlan) -> dict[str, Any]:
    rows = [
        {
            "id": row.blank.id,
            "method": row.job.method,
            "budget": row.job.budget_text,
            "seed": row.job.seed,
            "baseline": row.job.baseline,
            "state": row.state,
            "seconds": row.left_s,
            "seconds_complete": row.estimate.complete,
            "artifact_bytes": row.estimate.artifact_bytes,
            "memory_bytes": row.estimate.memory_bytes,
        }
        for row in plan.rows
    ]
    about = {"suite": plan.suite, "device": plan.device, "threads": plan.threads, "executor": plan.executor}
    longest = max((row.left_s for row in plan.rows if row.left_s is not None), default=None)
    return {**about, "seconds": plan.left_s, "longest_s": longest, "rows": rows}

"""``vlbench run --plan`` and ``--print-commands``: what a command would make, and nothing is made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
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
SHARED = ("what rows share", "state", "about", "size")


def show_plan(
    registry: Registry,
    methods: Sequence[str],
    budgets: Sequence[Budget],
    request: RunRequest,
    *,
    as_commands: bool,
    as_json: bool,
    price: float | None = None,
) -> None:
    """Print the rows of a command, or a shell command for each that is left."""
    from vlbench.cli.progress import observer
    from vlbench.runs.pipeline import planned

    with observer() as watching:
        session, plan = planned(registry, methods=methods, budgets=budgets, request=request, observer=watching)
        if not as_commands:
            plan = _looked_at(session, plan)
    if as_commands:
        _echo_commands(session, plan)
    elif as_json:
        echo_json(_as_json(plan) | ({} if price is None else {"cost": plan.cost(price)}))
    else:
        _echo_plan(plan, price)


def _looked_at(session: Session, plan: RunPlan) -> RunPlan:
    """The plan with what takes seconds to find out; nothing is fetched for it."""
    from vlbench.offline import offline
    from vlbench.runs.shared import shared_of
    from vlbench.runs.trial import tried

    with offline():
        return replace(tried(session, plan), shared=shared_of(session))


def _echo_plan(plan: RunPlan, price: float | None) -> None:
    for line in plan.lines():
        click.echo(line)
    if price is not None and (cost := plan.cost(price)) is not None:
        click.echo(f"  At {price:g} an hour of what one row is given: {cost:.3g} for what is known.")
    _echo_filled(plan.table(), HEADER)
    if any(row.left_s and not row.estimate.complete for row in plan.rows):
        click.echo("+: no row of the method was timed before, so condensing is not in it.")
    if plan.shared:
        click.echo()
        _echo_filled(plan.shared_table(), SHARED)


def _echo_filled(rows: Sequence[tuple[str, ...]], header: tuple[str, ...]) -> None:
    """A table without the columns in which nothing is known."""
    filled = [at for at in range(len(header)) if any(row[at] for row in rows)]
    echo_rows([tuple(row[at] for at in filled) for row in rows], header=tuple(header[at] for at in filled))


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
    shared = [asdict(one) for one in plan.shared]
    about = {"suite": plan.suite, "device": plan.device, "threads": plan.threads, "executor": plan.executor}
    longest = max((row.left_s for row in plan.rows if row.left_s is not None), default=None)
    return {**about, "seconds": plan.left_s, "longest_s": longest, "tried": plan.tried, "rows": rows, "shared": shared}

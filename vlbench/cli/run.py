"""``vlbench run``: condense, score, record, and show the table."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vlbench.cli.complete import MethodOption, Name, ProtocolKey
from vlbench.cli.failures import stopped_code
from vlbench.cli.run_plan import show_plan
from vlbench.cli.shared import (
    comma_list,
    data_option,
    device_option,
    echo_json,
    key_values,
    load,
    no_network,
    offline_option,
    readable_path,
)
from vlbench.cli.survivor import begin_again_where_it_dies
from vlbench.errors import OptionError

if TYPE_CHECKING:
    from vlbench.budget import Budget
    from vlbench.records.record import Record
    from vlbench.registry.registry import Registry
    from vlbench.runs.request import RunRequest


@click.command("run", epilog="Example:  vlbench run --method random,herding --budget 100,500 --seed 0,1,2")
@click.option(
    "--method", "methods", multiple=True, type=Name("method", several=True), metavar="NAME[,...]", help="Methods."
)
@click.option("--budget", "budgets", multiple=True, metavar="N|SIZE[,...]", help="Pairs or bytes, as in 500 or 5MB.")
@click.option(
    "--suite",
    default="scenes",
    show_default=True,
    type=Name("suite", or_file=True),
    metavar="NAME|FILE",
    help="Suite, or a TOML file.",
)
@click.option(
    "--seed",
    "seeds",
    multiple=True,
    default=["0"],
    show_default=True,
    metavar="K[,...]",
    help="Seeds of the methods; each gives a run of its own.",
)
@click.option(
    "--students",
    multiple=True,
    type=Name("student", several=True),
    metavar="NAME[,...]",
    help="Declared students that score the result too.",
)
@device_option
@click.option(
    "-o",
    "--option",
    "options",
    multiple=True,
    type=MethodOption(),
    metavar="KEY=VALUE",
    help="Option of the methods, or METHOD.KEY=VALUE.",
)
@click.option(
    "--set",
    "overrides",
    multiple=True,
    type=ProtocolKey(),
    metavar="KEY=VALUE",
    help="Change a value of the protocol, as in training.seeds=1.",
)
@click.option(
    "--out", default=Path("runs"), show_default=True, type=click.Path(path_type=Path), help="Folder for the runs."
)
@click.option(
    "--executor", default="serial", show_default=True, type=Name("executor"), metavar="NAME", help="How rows are run."
)
@click.option(
    "--log",
    "trackers",
    multiple=True,
    type=Name("observer", several=True),
    metavar="NAME[,...]",
    help="Trackers that get step values and scores; their names: vlbench plugins.",
)
@data_option
@offline_option
@click.option("--isolate", is_flag=True, help="Run each method in a process of its own.")
@click.option(
    "--time-limit",
    "time_limit_s",
    default=0.0,
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Stop a method after so long; implies --isolate.",
)
@click.option("--plan", is_flag=True, help="Show the rows, what is there and how long the rest takes; make no row.")
@click.option(
    "--price",
    type=click.FloatRange(min=0),
    metavar="X",
    help="With --plan: of an hour of what one row is given, such as a GPU.",
)
@click.option("--print-commands", is_flag=True, help="Print a shell command for each row that is left; make no row.")
@click.option("--json", "as_json", is_flag=True, help="Print the records, and nothing else, on standard output.")
@click.pass_context
def command(
    context: click.Context,
    methods: tuple[str, ...],
    budgets: tuple[str, ...],
    suite: str,
    seeds: tuple[str, ...],
    students: tuple[str, ...],
    device: str,
    options: tuple[str, ...],
    overrides: tuple[str, ...],
    out: Path,
    executor: str,
    trackers: tuple[str, ...],
    data: Path | None,
    offline: bool,
    isolate: bool,
    time_limit_s: float,
    plan: bool,
    price: float | None,
    print_commands: bool,
    as_json: bool,
) -> None:
    """Condense a dataset by one or more methods and score the result.

    The same command again finds the finished runs. A run that was stopped goes on from its last checkpoint.
    """
    from vlbench.budget import Budget
    from vlbench.runs.request import RunRequest

    if price is not None and not plan:
        raise click.UsageError("--price is for --plan: give both.", context)
    registry = load(context)
    names, sizes = comma_list(methods), comma_list(budgets)
    if not names or not sizes:
        raise click.UsageError(_what_is_missing(registry, names, sizes), context)
    for name in names:
        registry.get("method", name)
    parsed = list(dict.fromkeys(map(Budget.parse, sizes)))
    isolate = isolate or time_limit_s > 0
    if not isolate and any(registry.foreign_owner("method", name) for name in names):
        isolate = begin_again_where_it_dies()
    request = RunRequest(
        suite=suite,
        seeds=_seeds(seeds),
        device=device,
        options=key_values(options, flag="-o"),
        overrides=key_values(overrides, flag="--set"),
        out=out,
        executor=registry.get("executor", executor).name,
        data=data,
        students=comma_list(students),
        isolate=isolate,
        time_limit_s=time_limit_s,
        log=comma_list(trackers),
    )
    with no_network(offline):
        if plan or print_commands:
            show_plan(registry, names, parsed, request, as_commands=print_commands, as_json=as_json, price=price)
            return
        records = _run(registry, methods=names, budgets=parsed, request=request)
    asked = asked_for(records, names, [str(budget) for budget in parsed], request.seeds)
    if as_json:
        echo_json(asked)
    else:
        _echo_table(records, asked, out)
    _exit_if_unfinished(context, asked)


def _what_is_missing(registry: Registry, methods: Sequence[str], budgets: Sequence[str]) -> str:
    missing = " and ".join([*([] if methods else ["--method"]), *([] if budgets else ["--budget"])])
    specs = sorted(registry.all("method").values(), key=lambda spec: (spec.family, spec.name))
    method = ",".join(methods) or (specs[0].name if specs else "NAME")
    budget = ",".join(budgets) or "500"
    return (
        f"{missing} must be given, as in:  vlbench run --method {method} --budget {budget}\n"
        f"Methods: {', '.join(sorted(spec.name for spec in specs))}.  Details: vlbench methods\n"
        "Budgets: a number of pairs, as in 500, or of bytes, as in 5MB."
    )


def asked_for(
    records: Sequence[Record], methods: Sequence[str], budgets: Sequence[str], seeds: Sequence[int]
) -> list[Record]:
    """One record for each method, budget and seed, in that order; baselines only where asked for by name."""
    chosen = []
    for wanted in itertools.product(methods, budgets, seeds):
        fitting = [r for r in records if (r.method, r.budget, r.seed) == wanted and r.matched_to is None]
        chosen += sorted(fitting, key=lambda record: record.baseline)[:1]
    return chosen


MOST_DIGITS = 18
"""Of a seed."""


def _seeds(given: Sequence[str]) -> tuple[int, ...]:
    texts = comma_list(given)
    for text in texts:
        if not text.isdecimal() or len(text) > MOST_DIGITS:
            raise OptionError(
                f"--seed {text[:40]!r} is not a whole number of at least 0 and at most {MOST_DIGITS} digits. "
                "Give some, as in --seed 0,1,2."
            )
    return tuple(map(int, texts))


def _run(
    registry: Registry, *, methods: Sequence[str], budgets: Sequence[Budget], request: RunRequest
) -> Sequence[Record]:
    from vlbench.cli.progress import observer

    try:
        with observer() as watching:
            budget_texts = ", ".join(map(str, budgets))
            watching.message(f"{', '.join(methods)} at budget {budget_texts} on {request.suite}")
            from vlbench.runs.pipeline import run_many  # takes seconds: somebody waits already

            return run_many(registry, methods=methods, budgets=budgets, request=request, observer=watching)
    except KeyboardInterrupt as error:
        click.echo(
            f"Stopped. Progress is saved in {readable_path(request.out)}. Run the same command to continue.",
            err=True,
        )
        raise click.exceptions.Exit(stopped_code(error)) from None


def _echo_table(records: Sequence[Record], asked: Sequence[Record], out: Path) -> None:
    from vlbench.board.console import echo_width
    from vlbench.board.leaderboard import build_table
    from vlbench.board.render_text import render_text
    from vlbench.board.statistics.samples import DISTILLATION_SEEDS
    from vlbench.records.record import FoundRecord

    width, styled = echo_width()
    # The ranks of their queries lie in their folders.
    there = [FoundRecord.of(record, out / record.id) for record in records]
    click.echo(render_text(build_table(there), width=width, styled=styled))
    for record in asked:
        click.echo(f"Written to {readable_path(out / record.id)}")
    finished = [record for record in asked if record.status == "finished"]
    if finished:
        click.echo(f"See the pairs: vlbench show {readable_path(out / finished[0].id)}")
    if (
        any(not record.deterministic for record in finished)
        and len({record.seed for record in asked}) < DISTILLATION_SEEDS
    ):
        seeds = ",".join(map(str, range(DISTILLATION_SEEDS)))
        click.echo(f"For a row that is ranked: the same command with --seed {seeds}")


def _exit_if_unfinished(context: click.Context, asked: Sequence[Record]) -> None:
    unfinished = [record for record in asked if record.status != "finished"]
    for record in unfinished:
        text = record.message or "no message"
        seed = f", seed {record.seed}," if record.seed else ""
        click.echo(f"Error: {record.method} at budget {record.budget}{seed} {record.status}: {text}", err=True)
    if unfinished:
        context.exit(1)

"""``vlbench run``: condense, score, record, and show the table."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vlbench.cli.complete import Name
from vlbench.cli.failures import stopped_code
from vlbench.cli.shared import echo_json, key_values, load, names, no_network, readable_path
from vlbench.errors import OptionError

if TYPE_CHECKING:
    from vlbench.budget import Budget
    from vlbench.registry.registry import Registry
    from vlbench.runs.request import RunRequest

Record = Mapping[str, Any]
MOST_DIGITS = 18
"""Of a seed."""


@click.command("run")
@click.option(
    "--method",
    "methods",
    multiple=True,
    required=True,
    type=Name("method"),
    metavar="NAME",
    help="Method; may be repeated.",
)
@click.option(
    "--budget", "budgets", required=True, metavar="N|SIZE[,...]", help="Pairs or bytes to keep, as in 500 or 5MB."
)
@click.option(
    "--suite",
    default="scenes",
    show_default=True,
    type=Name("suite", or_file=True),
    metavar="NAME|FILE",
    help="Suite, or a TOML file.",
)
@click.option(
    "--seed", "seeds", multiple=True, default=["0"], show_default="0", metavar="K[,K2]",
    help="Seed of the method's run; may be repeated.",
)  # fmt: skip
@click.option("--students", default="", metavar="NAME[,...]", help="Declared students to score with as well.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
@click.option(
    "-o", "--option", "options", multiple=True, metavar="KEY=VALUE", help="Option of the method, or METHOD.KEY=VALUE."
)
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Change a value of the protocol.")
@click.option(
    "--out", default=Path("runs"), show_default=True, type=click.Path(path_type=Path), help="Folder for the runs."
)
@click.option(
    "--executor", default="serial", show_default=True, type=Name("executor"), metavar="NAME", help="How rows are run."
)
@click.option(
    "--data", metavar="DIR", type=click.Path(path_type=Path), help="Folder of the data set's files, unless prepared."
)
@click.option("--offline", is_flag=True, help="Opening a socket is an error. See vlbench prepare.")
@click.option("--json", "as_json", is_flag=True, help="Print the records, and nothing else, on standard output.")
@click.pass_context
def command(context: click.Context, /, methods: tuple[str, ...], budgets: str, as_json: bool, **rest: Any) -> None:
    """Condense a data set by one or more methods and score the result.

    The same command again finds the finished run. One that was stopped goes on from its last checkpoint.
    """
    from vlbench.budget import Budget
    from vlbench.runs.request import RunRequest

    registry = load(context)
    unique = list(dict.fromkeys(methods))
    for method in unique:
        registry.method(method)
    parsed = list(dict.fromkeys(Budget.parse(text) for text in budgets.split(",")))
    request = RunRequest(
        suite=rest["suite"],
        seeds=_seeds(rest["seeds"]),
        device=rest["device"],
        options=key_values(rest["options"], flag="-o"),
        overrides=key_values(rest["overrides"], flag="--set"),
        out=rest["out"],
        executor=registry.executor(rest["executor"]).name,
        data=rest["data"],
        students=names(rest["students"]),
    )
    with no_network(rest["offline"]):
        records = _run(registry, methods=unique, budgets=parsed, request=request)
    asked = asked_for(records, unique, [str(budget) for budget in parsed], request.seeds)
    if as_json:
        echo_json(asked)
    else:
        _echo_table(records, asked, request.out)
    _exit_if_unfinished(context, asked)


def asked_for(
    records: Sequence[Record], methods: Sequence[str], budgets: Sequence[str], seeds: Sequence[int]
) -> list[Record]:
    """One record for each method, budget and seed, in that order; always-on rows only where asked for by name."""
    chosen = []
    for cell in itertools.product(methods, budgets, seeds):
        fitting = [r for r in records if (r["method"], r["budget"], r["seed"]) == cell and not r.get("beside")]
        chosen += sorted(fitting, key=lambda record: bool(record.get("always_on")))[:1]
    return chosen


def _seeds(given: Sequence[str]) -> tuple[int, ...]:
    texts = [text.strip() for part in given for text in part.split(",")]
    for text in texts:
        if not text.isdecimal() or len(text) > MOST_DIGITS:
            raise OptionError(
                f"--seed {text[:40]!r} is not a whole number of at least 0 and at most {MOST_DIGITS} digits. "
                "Give some, as in --seed 0,1,2."
            )
    return tuple(dict.fromkeys(int(text) for text in texts))


def _run(
    registry: Registry, *, methods: Sequence[str], budgets: Sequence[Budget], request: RunRequest
) -> Sequence[Record]:
    from vlbench.cli.progress import observer
    from vlbench.runs.pipeline import run_many

    try:
        with observer() as watching:
            return run_many(registry, methods=methods, budgets=budgets, request=request, observer=watching)
    except KeyboardInterrupt as error:
        click.echo(
            "Stopped. Finished runs, finished phases and the last checkpoint are kept; "
            f"runs are under {readable_path(request.out)}. The same command goes on from there.",
            err=True,
        )
        raise click.exceptions.Exit(stopped_code(error)) from None


def _echo_table(records: Sequence[Record], asked: Sequence[Record], out: Path) -> None:
    from vlbench.board.leaderboard import build_table
    from vlbench.board.render_text import echo_width, render_text

    width, styled = echo_width()
    # Each knows its folder, as for vlbench leaderboard: the ranks of its queries lie there.
    there = [{**record, "folder": str(out / record["id"])} for record in records]
    click.echo(render_text(build_table(there), width=width, styled=styled))
    for record in asked:
        click.echo(f"Written to {readable_path(out / record['id'])}")
    finished = [record for record in asked if record["status"] == "finished"]
    if finished:
        click.echo(f"See the pairs: vlbench show {readable_path(out / finished[0]['id'])}")


def _exit_if_unfinished(context: click.Context, asked: Sequence[Record]) -> None:
    unfinished = [record for record in asked if record["status"] != "finished"]
    for record in unfinished:
        text = record.get("message") or "no message"
        seed = f", seed {record['seed']}," if record["seed"] else ""
        click.echo(f"Error: {record['method']} at budget {record['budget']}{seed} {record['status']}: {text}", err=True)
    if unfinished:
        context.exit(1)

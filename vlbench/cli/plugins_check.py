"""``vlbench plugins check NAME``."""

from __future__ import annotations

import shutil
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from vlbench.cli.shared import echo_json, key_values, load
from vlbench.errors import OptionError, UnknownNameError

if TYPE_CHECKING:
    from vlbench.testing.conformance import Subject
    from vlbench.testing.results import CheckResult

_COLOURS = {"passed": "green", "failed": "red", "skipped": "yellow"}


@click.command("check")
@click.argument("name")
@click.option(
    "-o", "options", multiple=True, metavar="KEY=VALUE", help="Option of what is checked; NAME.KEY where several are."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(context: click.Context, name: str, options: tuple[str, ...], as_json: bool) -> None:
    """Check a method, dataset, encoder or suite, or all that a plugin declares.

    The checks run on toy data and take some seconds; a slow method is given fewer steps by -o. The exit code is 0
    where no check fails, 1 where one does, and 2 where nothing could be checked.
    """
    from vlbench.testing.conformance import subjects

    try:
        found = subjects(name, load(context))
        given = _given(key_values(options, flag="-o"), found)
    except (UnknownNameError, OptionError) as error:
        raise click.UsageError(str(error), context) from error
    checked = [_checked(subject, own, quiet=as_json) for subject, own in zip(found, given, strict=True)]
    results = [result for some in checked for result in some]
    if as_json:
        echo_json({"passed": not _count(results)["failed"], "checks": [vars(result) for result in results]})
    else:
        _echo_sum(results)
    context.exit(1 if _count(results)["failed"] else 0)


def _given(options: Mapping[str, str], found: Sequence[Subject]) -> list[dict[str, str]]:
    """The options of each subject: ``name.key`` goes to what has that name, ``key`` to all that declare it."""
    from vlbench.registry.suggestions import unknown_name
    from vlbench.testing.conformance import check_options

    given: list[dict[str, str]] = [{} for _ in found]
    known = [{f"{prefix}{key}" for prefix in ("", f"{one.name}.") for key in one.option_names} for one in found]
    for key, value in options.items():
        takers = [own for own, names in zip(given, known, strict=True) if key in names]
        if not takers:
            raise unknown_name("option", key, {name for one in found for name in one.option_names})
        for own in takers:
            own[key.rpartition(".")[2]] = value
    for one, own in zip(found, given, strict=True):
        if own:
            check_options(one, own)
    return given


def _checked(subject: Subject, options: Mapping[str, Any], *, quiet: bool) -> list[CheckResult]:
    from vlbench.testing.results import run_checks

    if not quiet:
        click.secho(f"{subject.kind} {subject.name}", bold=True)
    results: list[CheckResult] = []
    for result in run_checks(subject.kind, subject.name, subject.checks(), subject.harness(options)):
        again = result.status == "skipped" and any(result.message == before.message for before in results)
        results.append(result)
        if not quiet:
            _echo(result, reason="" if again else result.message)
    return results


def _echo(result: CheckResult, reason: str) -> None:
    status = click.style(result.status.ljust(7), fg=_COLOURS[result.status])
    click.echo(f"  {status}  {result.check.replace('_', ' '):<46} {result.seconds:5.1f} s")
    room = max(shutil.get_terminal_size((100, 24)).columns - 11, 40)
    for line in reason.splitlines():
        for part in textwrap.wrap(line, room, break_long_words=False, break_on_hyphens=False):
            click.echo(f"{'':11}{part}")


def _echo_sum(results: list[CheckResult]) -> None:
    counts = _count(results)
    parts = [f"{counts[status]} {status}" for status in ("passed", "failed", "skipped") if counts[status]]
    checks = f"{len(results)} check{'s' * (len(results) != 1)}"
    click.echo(f"{checks}: {', '.join(parts)}; {sum(result.seconds for result in results):.1f} s")


def _count(results: list[CheckResult]) -> Counter[str]:
    return Counter(result.status for result in results)

"""``vlbench cache``."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vlbench.cli.shared import echo_rows

if TYPE_CHECKING:
    from vlbench.inventory import Item


@click.command("cache")
@click.option("--verify", "check", is_flag=True, help="Read everything, and set aside what is not what its hash says.")
@click.option("--prune", is_flag=True, help="Remove what nothing reads: set aside, half-written, without hashes.")
@click.option(
    "--unused", type=click.IntRange(min=0), metavar="DAYS", help="With --prune: also what was not read for so long."
)
@click.pass_context
def command(context: click.Context, *, check: bool, prune: bool, unused: int | None) -> None:
    """List what is stored between runs: features, experts, data. Whatever is removed is made again when it is needed.

    The folder is that of VLBENCH_CACHE, by default in the user's cache folder.
    """
    from vlbench.disk.place import default_cache
    from vlbench.inventory import items

    if unused is not None and not prune:
        raise click.UsageError("--unused says what --prune removes: give both.")
    root = default_cache()
    bad = _check(list(items(root))) if check else 0
    if prune:
        _prune(list(items(root)), unused)
    _echo(root, list(items(root)))
    context.exit(int(bad > 0))


def _check(found: Sequence[Item]) -> int:
    from vlbench.inventory import problem, put_aside

    bad = 0
    for item in found:
        if reason := problem(item):
            bad += 1
            click.echo(f"{item.path}: {reason}. Set aside as {put_aside(item).name}; made again when it is needed.")
    click.echo(f"Checked {len(found)}: {bad} damaged.")
    return bad


def _prune(found: Sequence[Item], unused: int | None) -> None:
    from vlbench.inventory import UNREAD, remove, unused_days

    gone = [item for item in found if item.state in UNREAD or (unused is not None and unused_days(item) >= unused)]
    for item in gone:
        remove(item)
    click.echo(f"Removed {len(gone)} ({_size(sum(item.bytes for item in gone))}).")


def _echo(root: Path, found: Sequence[Item]) -> None:
    rows = []
    for (kind, state), group in groupby(sorted(found, key=_key), key=_key):
        same = list(group)
        used = time.strftime("%Y-%m-%d", time.localtime(max(item.used for item in same)))
        rows.append((kind, state, str(len(same)), _size(sum(item.bytes for item in same)), used))
    echo_rows(rows, header=("kind", "state", "count", "size", "last used"))
    click.echo(f"{_size(sum(item.bytes for item in found))} in {root}")


def _key(item: Item) -> tuple[str, str]:
    return item.kind, item.state


def _size(count: int) -> str:
    from vlbench.board.format import size_text

    return size_text(count)

"""``vlbench journal FILE``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

import vlbench


@click.command("journal")
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Add up a journal: where the hours of a day of runs went.

    FILE is what the environment variable VLBENCH_JOURNAL named while vlbench ran. A phase lasts until the next entry
    of its process; the longest come first.
    """
    entries = list(_entries(file))
    seconds, times = durations(entries)
    for name, total in seconds.most_common():
        click.echo(f"{total:10.1f} s  {times[name]:4d} x  {name}")
    statuses = Counter(entry["status"] for entry in entries if "record" in entry)
    text = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    click.echo(f"Records: {text or 'none'}.")


def durations(entries: Iterable[dict[str, Any]]) -> tuple[Counter[str], Counter[str]]:
    """Seconds, and how often, by phase; the last entry of a process has no end and counts for nothing."""
    seconds: Counter[str] = Counter()
    times: Counter[str] = Counter()
    before: dict[int, dict[str, Any]] = {}
    for entry in entries:
        begun = before.get(entry["process"], {})
        if "phase" in begun:
            seconds[begun["phase"]] += entry["time_s"] - begun["time_s"]
            times[begun["phase"]] += 1
        before[entry["process"]] = entry
    return seconds, times


def _entries(file: Path) -> Iterable[dict[str, Any]]:
    try:
        if file.exists() and not file.is_file():
            raise ValueError("a folder, a pipe or a device")
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            entry = json.loads(line)
            if {"process", "time_s"} <= set(entry):
                yield entry
            else:
                raise ValueError(f"line {number} has no process or time_s")
    except (OSError, ValueError, TypeError) as error:
        raise vlbench.errors.DataError(
            f"{str(file)!r} cannot be read as a journal ({error}). Set VLBENCH_JOURNAL to a file and run vlbench."
        ) from error

"""How long commands take that compute nothing, beside the interpreter and the libraries that they need.

python benchmarks/perf/startup.py [RUNS]: with a folder of runs, its board too. Processor seconds, least and median of
rounds in which each command runs once.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import click

LIBRARIES = "import click, numpy, pyarrow.parquet, rich.table, msgspec.json"


@click.command()
@click.argument("runs", required=False, type=click.Path(exists=True, path_type=Path))
@click.option("--rounds", default=9, show_default=True)
def main(runs: Path | None, rounds: int) -> None:
    """Print one line a command: least and median processor seconds."""
    python, vlbench = [sys.executable], [sys.executable, "-m", "vlbench"]
    commands = {
        "python": [*python, "-c", "pass"],
        "import click": [*python, "-c", "import click"],
        "vlbench --help": [*vlbench, "--help"],
        "vlbench methods": [*vlbench, "methods"],
    }
    if runs is not None:
        commands |= {
            "libraries of a board": [*python, "-c", LIBRARIES],
            "vlbench leaderboard": [*vlbench, "leaderboard", str(runs)],
        }
    for name, seconds in timed(commands, rounds).items():
        click.echo(f"{name:<21} {min(seconds):.3f} {median(seconds):.3f}")


def timed(commands: Mapping[str, Sequence[str]], rounds: int) -> dict[str, list[float]]:
    """Name -> processor seconds of every round; a first one, which fills caches, does not count."""
    found: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            found[name].append(used)
    return {name: seconds[1:] for name, seconds in found.items()}


if __name__ == "__main__":
    main()

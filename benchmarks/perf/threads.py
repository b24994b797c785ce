"""What a run's threads cost on a machine that does other things: processor seconds with all threads, and with one.

python benchmarks/perf/threads.py --method random --budget 20

Each run is a process of its own with a folder of its own; both kinds take turns. What they share, such as the dataset,
is made first.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

import click

KINDS = {"all threads": {}, "one thread": {"OMP_NUM_THREADS": "1"}}


@click.command()
@click.option("--suite", default="scenes-mini", show_default=True)
@click.option("--method", default="random", show_default=True)
@click.option("--budget", default="20", show_default=True)
@click.option("--rounds", default=3, show_default=True)
def main(suite: str, method: str, budget: str, rounds: int) -> None:
    """Print processor and wall seconds of every round, and the median ratio of the former."""
    words = ["run", "--suite", suite, "--method", method, "--budget", budget]
    run(words, {})
    ratios = []
    for _ in range(rounds):
        found = {kind: run(words, given) for kind, given in KINDS.items()}
        ratios.append(found["all threads"][0] / found["one thread"][0])
        load = os.getloadavg()[0]
        seconds = ", ".join(f"{kind} {cpu:.1f} s ({wall:.1f} s wall)" for kind, (cpu, wall) in found.items())
        click.echo(f"{seconds}, ratio {ratios[-1]:.2f}, load {load:.1f}")
    click.echo(f"{method} {budget}: median ratio {median(ratios):.2f}")


def run(words: Sequence[str], given: dict[str, str]) -> tuple[float, float]:
    """Processor and wall seconds of a command of vlbench."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "MKL_", "KMP_"))}
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, "-m", "vlbench", *words, "--out", str(Path(out) / "runs")]
        before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=plain | given)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, time.perf_counter() - begin


if __name__ == "__main__":
    main()

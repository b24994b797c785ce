"""The executor: child processes make the rows, and the parent reads them."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence

import vlbench

VARIABLE = "VLBENCH_WORKERS"
POLL_S = 0.1


def side_by_side(count: int, run: Callable[[int], None], commands: Sequence[Sequence[str]]) -> None:
    """Run row 0 here, which fills what rows share, and each other row by its command; then ask for what was made.

    A row whose process failed is run again here, so that its error is reported as usual.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    most = min(workers(cores), max(1, count - 1))
    run(0)
    waiting, busy = list(range(1, count)), dict[int, subprocess.Popen[bytes]]()
    try:
        while waiting or busy:
            while waiting and len(busy) < most:
                index = waiting.pop(0)
                busy[index] = start(commands[index], threads=max(1, cores // most))
            for index in [index for index, child in busy.items() if child.poll() is not None]:
                del busy[index]
                run(index)
            time.sleep(POLL_S if busy else 0)
    finally:  # an error, or Ctrl-C: what the children have kept so far is found by the next command
        for child in busy.values():
            child.terminate()
        for child in busy.values():
            child.wait()


def start(command: Sequence[str], *, threads: int) -> subprocess.Popen[bytes]:
    """A child that shares the cores with its siblings, unless the user shared them out already."""
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ}
    silent = subprocess.DEVNULL
    return subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent, env=environment)


def workers(cores: int) -> int:
    """How many children at a time.

    Raises:
        OptionError: VLBENCH_WORKERS is no number of at least 1.
    """
    text = os.environ.get(VARIABLE) or str(cores)
    if not text.isdecimal() or int(text) < 1:
        raise vlbench.errors.OptionError(f"{VARIABLE}={text} is no number of at least 1. Set it to 2, say.")
    return int(text)

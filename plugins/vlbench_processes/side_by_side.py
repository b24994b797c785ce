"""The executor: child processes make the rows, and the parent reads what they wrote."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import vlbench

VARIABLE = "VLBENCH_WORKERS"
POLL_S = 0.1


def side_by_side(count: int, run: Callable[..., None], commands: Sequence[Sequence[str]], needs: Sequence[Any]) -> None:
    """Run each row by its command, the longest first; then take what it made.

    On a machine with GPUs each child sees one of them. What a child prints is in the file that its needs name.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    gpus = visible_gpus() if any(need.device != "cpu" for need in needs) else []
    most = max(1, min(workers(len(gpus) or cores), count))
    free = [gpus[slot % len(gpus)] if gpus else "" for slot in range(most)]
    waiting = sorted(range(count), key=lambda index: -(needs[index].seconds or 0.0))
    busy = dict[int, tuple[subprocess.Popen[bytes], str]]()
    try:
        while waiting or busy:
            while waiting and free:
                index, gpu = waiting.pop(0), free.pop(0)
                child = start(commands[index], threads=max(1, cores // most), gpu=gpu, log=needs[index].log)
                busy[index] = (child, gpu)
            for index in [index for index, (child, _) in busy.items() if child.poll() is not None]:
                child, gpu = busy.pop(index)
                free.append(gpu)
                run(index, how_it_ended(child.returncode))
            time.sleep(POLL_S if busy else 0)
    finally:  # an error, or Ctrl-C: what the children have stored so far is found by the next command
        for child, _ in busy.values():
            child.terminate()
        for child, _ in busy.values():
            child.wait()


def start(command: Sequence[str], *, threads: int, gpu: str = "", log: str = "") -> subprocess.Popen[bytes]:
    """A child that shares the cores with its siblings, unless the user shared them out already."""
    environment = {"OMP_NUM_THREADS": str(threads), **os.environ} | ({"CUDA_VISIBLE_DEVICES": gpu} if gpu else {})
    Path(log or os.devnull).parent.mkdir(parents=True, exist_ok=True)
    with Path(log or os.devnull).open("ab") as output:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)


def how_it_ended(code: int) -> str:
    """Why a process ended, where it did not make its row; "" where it did, or wrote why it could not."""
    if code in (0, 1):
        return ""
    return f"signal {-code} ended it" if code < 0 else f"exit code {code}"


def visible_gpus() -> list[str]:
    """Those that CUDA_VISIBLE_DEVICES names, else all that torch finds in this process."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is not None:
        return [name for name in named.split(",") if name.strip()]
    torch = sys.modules.get("torch")
    return [str(index) for index in range(torch.cuda.device_count())] if torch is not None else []


def workers(slots: int) -> int:
    """How many children at a time: as many as there are GPUs or cores, or as the user says.

    Raises:
        OptionError: VLBENCH_WORKERS is no number of at least 1.
    """
    text = os.environ.get(VARIABLE) or str(slots)
    if not text.isdecimal() or int(text) < 1:
        raise vlbench.errors.OptionError(f"{VARIABLE}={text} is no number of at least 1. Set it to 2, say.")
    return int(text)

"""The executor: each row is a task of Ray that runs its command, and is tried again where its node or process dies."""

from __future__ import annotations

import contextlib
import ctypes
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import vlbench

VARIABLE = "VLBENCH_RAY"
RETRIES = 5
"""Times that a row is tried again after its node or process died."""


class KilledError(RuntimeError):
    """The process of a row was killed, by the system that ran out of memory, say."""


def on_ray(run: Callable[..., None], commands: Sequence[Sequence[str]], needs: Sequence[Any]) -> None:
    """Submit every row, the longest first, and take each when it is made.

    Environment: RAY_ADDRESS names the cluster; VLBENCH_RAY holds options of the tasks, as in ``num_gpus=0.5``.

    Raises:
        OptionError: Ray is not installed, or VLBENCH_RAY cannot be read.
    """
    try:
        import ray
    except ImportError as error:
        raise vlbench.errors.OptionError("Ray is not installed. Run: pip install 'vlbench[ray]'") from error

    given, own = options(os.environ.get(VARIABLE, "")), not ray.is_initialized()
    with contextlib.redirect_stdout(sys.stderr):  # where Ray reports a node that died; standard output is the table's
        if own:
            ray.init(address=os.environ.get("RAY_ADDRESS"), log_to_driver=False, logging_level="ERROR")
        try:
            waiting = submitted(ray, commands, needs, given)
            while waiting:
                (done, *_), _ = ray.wait(list(waiting), num_returns=1)
                run(waiting.pop(done), outcome(ray, done))
        finally:  # an error, or Ctrl-C: tasks end with their driver
            if own:
                ray.shutdown()


def submitted(
    ray: Any, commands: Sequence[Sequence[str]], needs: Sequence[Any], given: dict[str, float]
) -> dict[Any, int]:
    """A task for each row, the longest first: task -> row."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    threads, tasks = os.environ.get("OMP_NUM_THREADS", ""), {}
    for index in sorted(range(len(needs)), key=lambda index: -(needs[index].seconds or 0.0)):
        need = needs[index]
        more = {"max_retries": RETRIES, "retry_exceptions": [KilledError], **resources(need, nodes), **given}
        tasks[ray.remote(make).options(**more).remote(list(commands[index]), need.log, threads)] = index
    return tasks


def resources(need: Any, nodes: Sequence[dict[str, float]]) -> dict[str, float]:
    """A core, a GPU where the row may use one and the cluster has any, and the memory that such rows took before."""
    found = {"num_cpus": 1.0}
    if need.device != "cpu" and any(node.get("GPU", 0.0) >= 1 for node in nodes):
        found["num_gpus"] = 1.0
    most = max((node.get("memory", 0.0) for node in nodes), default=0.0)
    return found | ({"memory": min(need.memory_bytes, 0.9 * most)} if need.memory_bytes and most else {})


def options(text: str) -> dict[str, float]:
    """``num_gpus=0.5 max_retries=2`` -> numbers by name.

    Raises:
        OptionError: a part is no number by name.
    """
    found: dict[str, float] = {}
    for part in shlex.split(text):
        name, _, value = part.partition("=")
        try:
            found[name] = float(value) if "." in value else int(value)
        except ValueError:
            raise vlbench.errors.OptionError(
                f"{VARIABLE}: {part!r} is not NAME=NUMBER. Write it as in {VARIABLE}='num_cpus=2 num_gpus=0.5'."
            ) from None
    return found


def outcome(ray: Any, task: Any) -> str:
    """Why a task ended badly; "" where it made its row, or wrote why it could not."""
    try:
        code = ray.get(task)
    except ray.exceptions.RayError as error:
        return f"Ray gave it up: {str(error).strip().splitlines()[-1]}"
    return "" if code in (0, 1) else f"exit code {code}"


def make(words: list[str], log: str, threads: str) -> int:
    """Run a row's command on a node; what it prints goes to the log. Its exit code.

    Raises:
        KilledError: a signal ended it.
    """
    environment = os.environ | ({"OMP_NUM_THREADS": threads} if threads else {})
    Path(log or os.devnull).parent.mkdir(parents=True, exist_ok=True)
    with Path(log or os.devnull).open("ab") as output:
        code = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment, preexec_fn=end_with_parent
        ).wait()
    if code < 0:
        raise KilledError(f"signal {-code} ended it")
    return code


def end_with_parent() -> None:
    """On Linux, a row's process ends with the worker of Ray that started it, so that nobody makes it twice."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)

"""The executor: an array of jobs through submitit, each of which is queued again when its time is over."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import vlbench
from vlbench_slurm.row import QueuedRow

VARIABLE = "VLBENCH_SLURM"
POLL_S = 2.0
TIMEOUTS = 100
"""Times that a job may be queued again at its time limit: each time it goes on from its checkpoint."""


def on_slurm(run: Callable[..., None], commands: Sequence[Sequence[str]], needs: Sequence[Any]) -> None:
    """Submit all rows as one array, and take each when it is made.

    Environment: VLBENCH_SLURM holds parameters of submitit, as in ``slurm_partition=gpu timeout_min=240
    gpus_per_node=1 mem_gb=40 slurm_array_parallelism=8``; ``cluster=local`` runs the jobs on this machine.

    Raises:
        OptionError: submitit or Slurm is not installed, or VLBENCH_SLURM cannot be read.
    """
    given = settings(os.environ.get(VARIABLE, ""))
    cluster = str(given.pop("cluster", "slurm"))
    executor = opened(cluster, Path(needs[0].log).parent / "slurm")
    most = os.cpu_count() or 1 if cluster == "local" else len(needs)  # Slurm has a queue of its own
    queue, waiting = list(range(len(needs))), dict[int, Any]()
    try:
        executor.update_parameters(name="vlbench", **{"timeout_min": minutes(needs), **given})
        while queue or waiting:
            free = queue[: most - len(waiting)]
            del queue[: len(free)]
            waiting |= submitted(executor, free, commands, needs)
            for index in [index for index, job in waiting.items() if job.done()]:
                run(index, outcome(waiting.pop(index)))
            time.sleep(POLL_S if waiting else 0.0)
    except (TypeError, ValueError, NameError) as error:  # submitit's, for a parameter that it does not know
        raise vlbench.errors.OptionError(f"{error} Change {VARIABLE}.") from error
    finally:  # an error, or Ctrl-C: what jobs have stored so far is found by the next command
        for job in waiting.values():
            job.cancel()


def submitted(
    executor: Any, rows: Sequence[int], commands: Sequence[Sequence[str]], needs: Sequence[Any]
) -> dict[int, Any]:
    """An array of jobs: row -> job.

    Raises:
        OptionError: Slurm refuses them, as where a partition does not exist.
    """
    if not rows:
        return {}
    from submitit.core.utils import FailedJobError

    words, logs = [list(commands[row]) for row in rows], [needs[row].log for row in rows]
    try:
        return dict(zip(rows, executor.map_array(QueuedRow(), words, logs), strict=True))
    except (FailedJobError, subprocess.CalledProcessError) as error:
        raise vlbench.errors.OptionError(f"the jobs could not be submitted: {error}. Change {VARIABLE}.") from error


def opened(cluster: str, folder: Path) -> Any:
    """An executor of submitit.

    Raises:
        OptionError: submitit is not installed, or this machine can submit no job.
    """
    try:
        import submitit
    except ImportError as error:
        raise vlbench.errors.OptionError("submitit is not installed. Run: pip install 'vlbench[slurm]'") from error
    limits = {f"{cluster}_max_num_timeout": TIMEOUTS} if cluster in ("slurm", "local") else {}
    try:
        return submitit.AutoExecutor(folder=folder, cluster=cluster, **limits)
    except Exception as error:
        raise vlbench.errors.OptionError(
            f"no job can be submitted from here: {error} For a try on this machine: {VARIABLE}=cluster=local"
        ) from error


def settings(text: str) -> dict[str, str | int | float]:
    """``slurm_partition=gpu timeout_min=60`` -> values by name.

    Raises:
        OptionError: a part has no ``=``.
    """
    found: dict[str, str | int | float] = {}
    for part in shlex.split(text):
        name, equals, value = part.partition("=")
        if not equals:
            raise vlbench.errors.OptionError(f"{VARIABLE}: {part!r} is not NAME=VALUE, as in timeout_min=60.")
        found[name] = int(value) if value.isdecimal() else _number(value)
    return found


def _number(value: str) -> str | float:
    try:
        return float(value)
    except ValueError:
        return value


def minutes(needs: Sequence[Any]) -> int:
    """Three times what the longest row is likely to take, and an hour at the least; four where nobody knows."""
    known = [need.seconds for need in needs]
    return 240 if not all(known) else max(60, round(3 * max(known) / 60))


def outcome(job: Any) -> str:
    """Why a job ended badly; "" where it made its row, or wrote why it could not."""
    try:
        code = job.result()
    except Exception as error:  # submitit's own, and whatever ended the job
        return f"job {job.job_id}: {str(error).strip().splitlines()[-1]}"
    return "" if code in (0, 1) else f"job {job.job_id}: exit code {code}"

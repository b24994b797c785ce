"""One row in a process of its own: ``python -m vlbench.runs.worker``, for executors that do not run all rows in theirs.

The row's record and artifact lie where the parent would have written them, and it finds them there.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from vlbench.offline import is_offline, offline
from vlbench.progress import SilentObserver
from vlbench.registry.loader import load_registry
from vlbench.runs.jobs import Job
from vlbench.runs.request import RunRequest


def worker_words(job: Job, request: RunRequest, plugin_files: tuple[str, ...]) -> list[str]:
    """The command of a row, for this machine and as long as nothing changes; a record's ``command`` is for people."""
    asked = worker_asked(job, request, plugin_files)
    return [sys.executable, "-m", "vlbench.runs.worker", json.dumps(asked, default=str)]


def worker_asked(job: Job, request: RunRequest, plugin_files: tuple[str, ...]) -> dict[str, Any]:
    """What a child is asked for, as JSON may hold it."""
    return {
        "job": dataclasses.asdict(job),
        "request": dataclasses.asdict(request),
        "plugin_files": plugin_files,
        "offline": is_offline(),
    }


def request_of(asked: Mapping[str, Any]) -> RunRequest:
    """The request again, from what :func:`worker_asked` gave."""
    given = asked["request"]
    paths = {name: Path(given[name]) for name in ("out", "data") if given[name] is not None}
    return RunRequest(**{**given, **paths, "seeds": tuple(given["seeds"]), "students": tuple(given["students"])})


def main(text: str) -> int:
    """Make the row; 0 where it is finished."""
    from vlbench.runs.pipeline import run_job
    from vlbench.runs.session import Session

    asked = json.loads(text)
    with offline() if asked["offline"] else nullcontext():
        work = Session(load_registry(asked["plugin_files"]), request_of(asked), SilentObserver())
        return int(run_job(work, Job(**asked["job"]))["status"] != "finished")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

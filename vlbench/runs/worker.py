"""One job in a process of its own: ``python -m vlbench.runs.worker``, for executors that start processes.

The record and the artifact lie where the parent would have written them, and it finds them there.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.budget import Budget
from vlbench.offline import is_offline, offline
from vlbench.progress import SilentObserver
from vlbench.registry.loader import load_registry
from vlbench.runs.jobs import Job, method_options, options_json
from vlbench.runs.request import RunRequest

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry


def worker_words(job: Job, request: RunRequest, plugin_files: tuple[str, ...]) -> list[str]:
    """The command of a job, for this machine and as long as nothing changes; a record's ``command`` is for people."""
    asked = {
        "job": {**vars(job), "budget": str(job.budget or ""), "options": options_json(job.options)},
        "request": dataclasses.asdict(request),
        "plugin_files": plugin_files,
        "offline": is_offline(),
    }
    return [sys.executable, "-m", "vlbench.runs.worker", json.dumps(asked, default=str)]


def main(text: str) -> int:
    """Make the row; 0 where it is finished."""
    from vlbench.runs.pipeline import run_job
    from vlbench.runs.session import Session

    asked = json.loads(text)
    registry = load_registry(asked["plugin_files"])
    with offline() if asked["offline"] else nullcontext():
        session = Session(registry, _request(asked["request"]), SilentObserver())
        return int(run_job(session, _job(registry, asked["job"]))["status"] != "finished")


def _request(given: dict[str, Any]) -> RunRequest:
    paths = {name: Path(given[name]) for name in ("out", "data") if given[name] is not None}
    return RunRequest(**{**given, **paths, "seeds": tuple(given["seeds"]), "students": tuple(given["students"])})


def _job(registry: Registry, given: dict[str, Any]) -> Job:
    job = Job(**{**given, "budget": Budget.parse(given["budget"]) if given["budget"] else None})
    options = method_options(registry.method(job.method), given["options"]) if job.has_method else None
    return dataclasses.replace(job, options=options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

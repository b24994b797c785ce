"""One job in a process of its own: ``python -m vlbench.runs.worker``, for executors that start processes.

The record and the artifact lie where the parent would have written them, and it finds them there.
"""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext

from vlbench.offline import offline
from vlbench.progress import SilentObserver
from vlbench.registry.loader import load_registry
from vlbench.runs.child import job_of, request_of
from vlbench.runs.pipeline import run_job
from vlbench.runs.session import Session


def main(text: str) -> int:
    """Make the row; 0 where it is finished."""
    asked = json.loads(text)
    registry = load_registry(asked["plugin_files"])
    with offline() if asked["offline"] else nullcontext():
        session = Session(registry, request_of(asked), SilentObserver())
        return int(run_job(session, job_of(asked, registry)).status != "finished")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

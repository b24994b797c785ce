"""One job in a process of its own: ``python -m vlbench.runs.worker FILE NUMBER``, for executors and schedulers.

The record and the artifact lie where the parent would have written them, and it finds them there.
"""

from __future__ import annotations

import json
import sys
from contextlib import nullcontext
from pathlib import Path

from vlbench.errors import VlbenchError
from vlbench.offline import offline
from vlbench.progress import PlainObserver
from vlbench.runs.grid import read_grid, travelled

EVERY_S = 30.0
"""Least time between two lines of one phase in a log."""


def main(path: str, index: str) -> int:
    """Make the row; 0 where it is finished, 1 where its record says why not, 2 where there is no such row."""
    try:
        content = read_grid(Path(path))
        rows = content["rows"]
        if not index.isdecimal() or int(index) >= len(rows):
            raise VlbenchError(f"row {index} does not exist: {path} has rows 0 to {len(rows) - 1}.")
        travelled(content)  # before anything reads the environment
        return _make(content["shared"] | {"job": rows[int(index)]["job"]})
    except VlbenchError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2


def _make(asked: dict[str, object]) -> int:
    from vlbench.registry.loader import load_registry
    from vlbench.runs.child import job_of, request_of
    from vlbench.runs.pipeline import run_with_match
    from vlbench.runs.session import Session

    registry = load_registry(json.loads(json.dumps(asked["plugin_files"])))
    with offline() if asked["offline"] else nullcontext():
        session = Session(registry, request_of(asked), PlainObserver(every_s=EVERY_S))
        return int(any(record.status != "finished" for record in run_with_match(session, job_of(asked, registry))))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("Usage: python -m vlbench.runs.worker FILE NUMBER")
    sys.exit(main(*sys.argv[1:]))

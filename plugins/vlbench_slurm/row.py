"""What a job runs: imported on the node, so that nothing else is."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

POLL_S = 0.2
PATIENCE_S = 10.0
"""Seconds that a stopped command has to end."""


class QueuedRow:
    """A row's command. When the job's time is over, the command is stopped and the job queued again: it goes on from
    the checkpoint that the command left."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def __call__(self, words: list[str], log: str) -> int:
        Path(log or os.devnull).parent.mkdir(parents=True, exist_ok=True)
        with Path(log or os.devnull).open("ab") as output:
            self._child = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        while (code := self._child.poll()) is None:
            time.sleep(POLL_S)
        return code

    def checkpoint(self, words: list[str], log: str) -> Any:
        """Called by submitit on the signal that Slurm sends before the end."""
        from submitit.helpers import DelayedSubmission

        if self._child is not None:
            self._child.terminate()
            # Not wait(): the signal may have come while the child is waited for, and that holds a lock.
            until = time.monotonic() + PATIENCE_S
            while self._child.poll() is None and time.monotonic() < until:
                time.sleep(POLL_S)
        return DelayedSubmission(QueuedRow(), words, log)

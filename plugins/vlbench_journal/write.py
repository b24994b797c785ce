"""The observer: one JSON line when a phase begins and one when a record is written."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import vlbench

VARIABLE = "VLBENCH_JOURNAL"


class Journal:
    """Appends to the file that ``VLBENCH_JOURNAL`` names; commands that run side by side may share it."""

    def __init__(self) -> None:
        self._file = os.environ.get(VARIABLE, "")

    def phase(self, name: str) -> None:
        """A phase begins."""
        self._write({"phase": name})

    def record(self, record: vlbench.Record) -> None:
        """A row is there."""
        self._write({"record": record.id, "status": record.status})

    def _write(self, entry: dict[str, object]) -> None:
        if self._file:
            line = json.dumps({"process": os.getpid(), "time_s": round(time.time(), 3), **entry})
            with Path(self._file).open("a", encoding="utf-8") as file:
                file.write(f"{line}\n")

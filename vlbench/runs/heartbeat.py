"""A file beside a run that says what is being done on it now, for those who look from elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.files import host_name, write_whole
from vlbench.progress import report_step

if TYPE_CHECKING:
    from vlbench.progress import Observer

FILE_NAME = "progress.json"
EVERY_S = 5.0
"""Least time between two writes within a phase, and how often a silent phase says that it is alive."""
SILENT_S = 60.0
"""After so long without a sign a run is no longer taken to be running."""


class Beating:
    """An observer that passes everything on, and writes the phase and its progress beside the run being made.

    Args:
        own: the command's observer.
    """

    def __init__(self, own: Observer) -> None:
        self._own = own
        self._file: Path | None = None
        self._state: dict[str, Any] = {}
        self._written = 0.0
        self._lock = threading.Lock()

    def phase(self, name: str, total: int | None = None, detail: str = "") -> None:
        self._state |= {"phase": name, "total": total, "step": 0, "note": detail, "phase_since": time.time()}
        self._write()
        self._own.phase(name, total, detail)

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._state["step"] = self._state.get("step", 0) + steps
        self._state["note"] = note or self._state.get("note", "")
        if time.monotonic() - self._written > EVERY_S:
            self._write()
        self._own.advance(steps, note)

    def step(self, name: str, step: int, value: float) -> None:
        report_step(self._own, name, step, value)

    def done(self, message: str = "") -> None:
        self._own.done(message)

    def message(self, text: str) -> None:
        self._own.message(text)

    @contextlib.contextmanager
    def row(self, folder: Path, name: str) -> Iterator[None]:
        """While a row is made in ``folder``, its file is there and new; it goes with the row, however that ends."""
        file = self._file = folder / FILE_NAME
        self._state = {"name": name, "host": host_name(), "process": os.getpid(), "since": time.time()}
        ended = threading.Event()
        beat = threading.Thread(target=self._beat, args=(ended,), name="heartbeat", daemon=True)
        beat.start()
        self._write()
        try:
            yield
        finally:
            ended.set()
            beat.join()
            self._file = None
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)

    def _beat(self, ended: threading.Event) -> None:
        while not ended.wait(EVERY_S):
            if time.monotonic() - self._written > EVERY_S:
                self._write()

    def _write(self) -> None:
        with self._lock:
            if self._file is not None:
                self._written = time.monotonic()
                with contextlib.suppress(OSError):  # a full disk is the row's own error to raise
                    write_whole(self._file, json.dumps(self._state).encode())

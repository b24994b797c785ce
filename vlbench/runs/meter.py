"""What a phase costs: seconds, and the peaks of resident and of device memory, measured by the harness."""

from __future__ import annotations

import contextlib
import resource
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter  # bound here: a method may replace what stands in ``time``
from types import TracebackType
from typing import Any

_STATUS = Path("/proc/self/status")
EVERY_S = 1.0
"""Seconds between two looks at a GPU."""
_CLEAR = Path("/proc/self/clear_refs")


class Meter:
    """``with Meter() as meter: ...``; afterwards ``meter.seconds`` and ``meter.peak_bytes``.

    On Linux the peak is that of the block alone, elsewhere that of the process so far.

    Attributes:
        device_peak_bytes: of a GPU's memory that torch allocated in the block; None where there is no GPU.
        device_busy: mean share of the time in which a GPU worked, asked for every second; None without a GPU or without
            nvidia-ml-py.
        before_s: seconds that earlier parts of the same work took; counted in ``seconds``.
    """

    seconds: float = 0.0
    peak_bytes: int = 0
    device_peak_bytes: int | None = None
    device_busy: float | None = None
    before_s: float = 0.0
    _start: float = 0.0

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Within, no seconds are counted."""
        begin = perf_counter()
        try:
            yield
        finally:
            self._start += perf_counter() - begin

    @property
    def so_far_s(self) -> float:
        """Seconds until now, earlier parts included."""
        return self.before_s + perf_counter() - self._start

    def __enter__(self) -> Meter:
        with contextlib.suppress(OSError):
            _CLEAR.write_text("5")  # resets the peak that VmHWM shows
        if gpu := _gpu():
            gpu.reset_peak_memory_stats()
            self._busy = _Busy(gpu)
        self._start = perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if gpu := _gpu():
            gpu.synchronize()  # what was asked of it is part of the block
            self.device_peak_bytes = int(gpu.max_memory_allocated())
            self.device_busy = self._busy.share()
        self.seconds = self.so_far_s
        self.peak_bytes = _peak_bytes()


class _Busy:
    """Asks for the utilisation of a GPU every second, in a thread of its own, from when it is made."""

    def __init__(self, gpu: Any) -> None:
        self._gpu, self._over = gpu, threading.Event()
        self._seen: list[int] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def share(self) -> float | None:
        """Mean of what was seen, 0 to 1; ends the watching."""
        self._over.set()
        self._thread.join()
        return sum(self._seen) / len(self._seen) / 100 if self._seen else None

    def _watch(self) -> None:
        # torch asks the driver through nvidia-ml-py, which need not be there, and which a driver may refuse.
        with contextlib.suppress(Exception):
            while not self._over.wait(EVERY_S):
                self._seen.append(min(100, max(0, int(self._gpu.utilization()))))


def _gpu() -> Any:
    """``torch.cuda`` where torch is loaded and finds a GPU, else None."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    return cuda if cuda is not None and cuda.is_available() else None


def _peak_bytes() -> int:
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

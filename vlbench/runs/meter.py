"""What a phase costs: seconds, and the peaks of resident and of device memory, measured by the harness."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")


class Meter:
    """``with Meter() as meter: ...``; afterwards ``meter.seconds`` and ``meter.peak_bytes``.

    On Linux the peak is that of the block alone, elsewhere that of the process so far.

    Attributes:
        device_peak_bytes: of a GPU's memory that torch allocated in the block; None where there is no GPU.
        before_s: seconds that earlier parts of the same work took; counted in ``seconds``.
    """

    seconds: float = 0.0
    peak_bytes: int = 0
    device_peak_bytes: int | None = None
    before_s: float = 0.0

    @property
    def so_far_s(self) -> float:
        """Seconds until now, earlier parts included."""
        return self.before_s + time.perf_counter() - self._start

    def __enter__(self) -> Meter:
        with contextlib.suppress(OSError):
            _CLEAR.write_text("5")  # resets the peak that VmHWM shows
        if gpu := _gpu():
            gpu.reset_peak_memory_stats()
        self._start = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if gpu := _gpu():
            gpu.synchronize()  # what was asked of it is part of the block
            self.device_peak_bytes = int(gpu.max_memory_allocated())
        self.seconds = self.so_far_s
        self.peak_bytes = _peak_bytes()


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

"""A fair clock: processor time on a CPU, finished work on a GPU, and two works that take turns."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Work = Callable[[], object]


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Attributes:
        what: was timed.
        seconds: of it, the median; None where it did not fit.
        bare_s: of what it cannot do without; None where there is nothing to compare with.
        ratio: the median of the ratios of all rounds.
        note: about it.
    """

    what: str
    seconds: float | None
    bare_s: float | None = None
    ratio: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Clock:
    """How long works take on a device.

    Attributes:
        device: ``cpu``: seconds of the processor, of all threads, whatever else the machine does. A GPU: seconds until
            it has done what it was asked.
        rounds: measurements; the works take turns.
    """

    device: str
    rounds: int

    def seconds(self, work: Work) -> float:
        """Of one call."""
        read = time.process_time if self.device == "cpu" else self._finished
        begin = read()
        work()
        return read() - begin

    def line(self, what: str, work: Work, bare: Work | None = None, *, per: int = 1, note: str = "") -> Line:
        """Both works in turn, after one call of each; the seconds are divided by ``per``."""
        works = [work] if bare is None else [work, bare]
        for each in works:
            each()
        times = [[self.seconds(each) / per for each in works] for _ in range(self.rounds)]
        ours, *others = (median(column) for column in zip(*times, strict=True))
        if not others:
            return Line(what, ours, note=note)
        return Line(what, ours, others[0], median(one / other for one, other in times), note)

    def _finished(self) -> float:
        import torch

        torch.accelerator.synchronize()
        return time.perf_counter()

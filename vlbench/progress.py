"""How a run reports what it is doing."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO

from vlbench.visible import visible


class Observer(Protocol):
    """Receives the progress of a run: text and counts only, so that it cannot change anything."""

    def phase(self, name: str, total: int | None = None, detail: str = "") -> None:
        """A phase of ``total`` steps begins (None if unknown); the one before it, if any, is over."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """``steps`` more steps of the phase are done; ``note`` says how it is going, as in ``loss 0.92``."""

    def done(self, message: str = "") -> None:
        """The phase is over."""

    def message(self, text: str) -> None:
        """Something worth a line of its own."""


def report_step(observer: Observer, name: str, step: int, value: float) -> None:
    """Pass one value of a curve on to an observer; one of the caller's own need not have ``step``."""
    if (observe := getattr(observer, "step", None)) is not None:
        observe(name, step, value)


class SilentObserver:
    """Says nothing: for Python callers and tests."""

    def phase(self, name: str, total: int | None = None, detail: str = "") -> None: ...

    def advance(self, steps: int = 1, note: str = "") -> None: ...

    def done(self, message: str = "") -> None: ...

    def message(self, text: str) -> None: ...


class PlainObserver:
    """Plain lines with the time left, at most one every ``every_s`` seconds: for logs.

    Args:
        stream: where lines go; standard error by default.
        every_s: least time between two lines of one phase, in seconds.
        clock: seconds that only go forward.
    """

    def __init__(
        self, stream: TextIO | None = None, *, every_s: float = 5.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._stream = stream
        self._every_s = every_s
        self._clock = clock
        self._name = ""
        self._total: int | None = None
        self._steps = 0
        self._started = self._spoke = 0.0

    def phase(self, name: str, total: int | None = None, detail: str = "") -> None:
        self.done()
        self._name, self._total, self._steps = name, total, 0
        self._started = self._spoke = self._clock()
        steps = f" ({total} steps)" if total else ""
        self.message(f"{name}{steps}{': ' if detail else ''}{detail}")

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count, and say so if the last line is old enough."""
        self._steps += steps
        now = self._clock()
        if now - self._spoke < self._every_s:
            return
        self._spoke = now
        of_total = f"/{self._total}" if self._total else ""
        left = ""
        if self._total and 0 < self._steps <= self._total:
            left = f", {seconds_text((now - self._started) / self._steps * (self._total - self._steps))} left"
        self.message(f"  {self._name} {self._steps}{of_total}{left}{', ' if note else ''}{note}")

    def done(self, message: str = "") -> None:
        """Say how long the phase took."""
        if self._name:
            took = seconds_text(self._clock() - self._started)
            self.message(f"  {self._name} done in {took}{': ' if message else ''}{message}")
        elif message:
            self.message(message)
        self._name = ""

    def message(self, text: str) -> None:
        print(visible(text), file=self._stream or sys.stderr, flush=True)


def seconds_text(seconds: float) -> str:
    """A duration as people write it: ``0.4 s``, ``12 s``, ``3m05``, ``2h10``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}m{rest:02d}" if minutes < 60 else f"{minutes // 60}h{minutes % 60:02d}"


def about_text(seconds: float) -> str:
    """A duration that is a guess: ``20 s``, ``4 min``, ``2 h 10 min``, ``3 days``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {rest:02d} min"
    return f"{round(hours / 24)} days"

"""Observers of a run: the command's own, and those that plugins declare."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.errors import PluginError
from vlbench.progress import report_step
from vlbench.registry.invoke import attributed_to, call, call_with_accepted

if TYPE_CHECKING:
    from vlbench.progress import Observer
    from vlbench.records.record import Record
    from vlbench.registry.registry import Registry


class ObserverGroup:
    """An observer that passes phases, step values and records on to plugins. One that raises is named and dropped.

    Args:
        registry: knows the observers that plugins declare.
        own: the command's observer; it alone is asked to count steps.
        asked: names of those that are made by request only.

    Attributes:
        folder: of the row that is made; observers are given it with what they receive.

    Raises:
        UnknownNameError: an asked one is not declared.
        PluginError: an asked one cannot be made.
    """

    def __init__(self, registry: Registry, own: Observer, asked: Sequence[str] = ()) -> None:
        self._registry, self._own = registry, own
        self.folder: Path | None = None
        self._others: dict[str, Any] = {}
        for name in asked:
            registry.get("observer", name)
        for name, spec in registry.all("observer").items():
            if spec.by_request and name not in asked:
                continue
            try:
                self._others[name] = call(registry, "observer", name)
            except PluginError as error:
                if name in asked:
                    raise
                self._dismiss(name, error)

    def phase(self, name: str, total: int | None = None, detail: str = "") -> None:
        self._own.phase(name, total, detail)
        self._tell("phase", {"name": name, "total": total, "detail": detail})

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._own.advance(steps, note)

    def done(self, message: str = "") -> None:
        self._own.done(message)

    def message(self, text: str) -> None:
        self._own.message(text)

    def step(self, name: str, step: int, value: float) -> None:
        """Pass on one value of a curve that a method reports."""
        report_step(self._own, name, step, value)
        self._tell("step", {"name": name, "step": step, "value": value})

    def record(self, record: Record) -> None:
        """Give a copy of a written record to those that plugins declare."""
        self._tell("record", {"record": record})

    def found(self, record: Record) -> None:
        """Give a copy of a record that was finished before this command."""
        self._tell("found", {"record": record})

    def _tell(self, what: str, offered: Mapping[str, object]) -> None:
        given = {**offered, "folder": self.folder}
        for name, other in list(self._others.items()):
            try:
                with attributed_to(self._registry, "observer", name):
                    if hasattr(other, what):
                        call_with_accepted(getattr(other, what), copy.deepcopy(given))
            except PluginError as error:
                self._dismiss(name, error)

    def _dismiss(self, name: str, error: PluginError) -> None:
        self._others.pop(name, None)
        self._own.message(f"{error} It gets no more reports; the run goes on.")


class Reporter:
    """The observer that a method has in its hands: text and counts go through, and nothing else.

    Args:
        observer: that of the run.
    """

    def __init__(self, observer: Observer) -> None:
        self._observer = observer

    def phase(self, name: str, total: int | None = None, detail: str = "") -> None:
        self._observer.phase(str(name), None if total is None else int(total), str(detail))

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._observer.advance(int(steps), str(note))

    def step(self, name: str, step: int, value: float) -> None:
        report_step(self._observer, str(name), int(step), float(value))

    def done(self, message: str = "") -> None:
        self._observer.done(str(message))

    def message(self, text: str) -> None:
        self._observer.message(str(text))

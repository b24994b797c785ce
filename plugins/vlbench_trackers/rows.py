"""What all trackers do: one run of the tracker for each row."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

import vlbench

T = TypeVar("T")


class TrackedRows(ABC, Generic[T]):
    """Opens a run of a tracker for each row that reports something, and closes it with the row's record."""

    def __init__(self) -> None:
        self._open: dict[Path, T] = {}
        self._over: set[Path] = set()

    @abstractmethod
    def begin(self, folder: Path) -> T:
        """A run of the tracker for the row of this folder."""

    @abstractmethod
    def log(self, run: T, name: str, step: int, value: float) -> None:
        """One value of a curve."""

    @abstractmethod
    def end(self, run: T, record: vlbench.Record) -> None:
        """What was asked and what was measured; then the run is over."""

    @abstractmethod
    def knows(self, folder: Path) -> bool:
        """Whether an earlier command logged this row."""

    def phase(self, folder: Path | None) -> None:
        """A row begins. Its run is opened before its method is called, whose time and side effects are measured."""
        if folder is not None and folder not in self._over:
            self._run(folder)

    def step(self, name: str, step: int, value: float, folder: Path) -> None:
        """A method reported a value."""
        self.log(self._run(folder), f"curve/{name}", step, value)

    def _run(self, folder: Path) -> T:
        if folder not in self._open:
            self._open[folder] = self.begin(folder)
        return self._open[folder]

    def record(self, record: vlbench.Record, folder: Path) -> None:
        """A row is written."""
        self._over.add(folder)
        run = self._run(folder)
        del self._open[folder]
        self.end(run, record)

    def found(self, record: vlbench.Record, folder: Path) -> None:
        """A row was finished before: it is logged from its record, unless it was."""
        self._over.add(folder)
        if not self.knows(folder):
            for name, values in record.curves.items():
                for step, value in enumerate(values):
                    self.step(name, step, value, folder)
            self.record(record, folder)


def library(name: str, extra: str) -> Any:
    """The tracker's library.

    Raises:
        VlbenchError: it is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise vlbench.errors.VlbenchError(f"{error}. Install it: pip install 'vlbench[{extra}]'") from None


def asked(record: vlbench.Record) -> dict[str, Any]:
    """What the row was asked for, flat: ``options.NAME`` are those of the method."""
    fields = ("method", "family", "budget", "suite", "seed", "protocol_hash", "data_fingerprint")
    options = {**record.options, **record.settings}
    return {name: getattr(record, name) for name in fields} | {f"options.{key}": options[key] for key in options}


def measured(record: vlbench.Record) -> dict[str, float]:
    """Scores in percent, and costs: ``convnet/mean_recall``, ``convnet/image_to_text/R_1``, ``cost/condense_s``."""
    return dict(_measured(record))


def _measured(record: vlbench.Record) -> Iterator[tuple[str, float]]:
    for student, scores in record.scores.items():
        yield f"{student}/mean_recall", scores.mean_recall.mean
        for direction, cuts in scores.directions.items():
            for cut, summary in cuts.items():
                yield f"{student}/{direction}/{cut.replace('@', '_')}", summary.mean
    costs: Mapping[str, Any] = {name: getattr(record.cost, name) for name in record.cost.__struct_fields__}
    for name, value in costs.items():
        if isinstance(value, int | float):
            yield f"cost/{name}", float(value)

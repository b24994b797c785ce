"""How long rows took on this cache's machines, so that the next plan can say how long its own will take."""

from __future__ import annotations

import contextlib
import json
import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.budget import Budget
from vlbench.disk.sums import short_hash
from vlbench.errors import BudgetError
from vlbench.records.fit import UNBUDGETED
from vlbench.runs.jobs import CHANCE, options_json

if TYPE_CHECKING:
    from vlbench.records.record import Record
    from vlbench.runs.jobs import Job

FILE_NAME = "timings.jsonl"
NEWEST = 4000
"""Lines that are read: the last ones."""


@dataclass(frozen=True)
class TimeEstimate:
    """What a row is likely to need.

    Attributes:
        seconds: in all; None where no row of the protocol was made before.
        complete: whether condensing is in it: False where no row of the method was.
        memory_bytes: peak of resident memory; None where unknown.
        artifact_bytes: coded size of what it makes; None where unknown.
    """

    seconds: float | None = None
    complete: bool = True
    memory_bytes: int | None = None
    artifact_bytes: int | None = None


class Timings:
    """Measured rows of one protocol on one kind of device.

    Args:
        root: of the cache, where they are stored.
        protocol: hash of the protocol.
        device: ``cpu`` or ``cuda``.
    """

    def __init__(self, root: Path, protocol: str, device: str) -> None:
        self._path = root / FILE_NAME
        self._shared = {"protocol": protocol, "device": device.partition(":")[0]}
        self._rows = [row for row in _read(self._path) if self._shared.items() <= row.items()]

    def add(self, record: Record, wall_s: float) -> None:
        """Store what a finished row took, ``wall_s`` from beginning to end; a line at a time, so that many may write.

        Chance is computed and takes no time; of a row that was stopped, only its parts are known.
        """
        if record.method == CHANCE:
            return
        cost = record.cost
        condense_s = cost.condense_s or 0.0
        parts_s = (cost.train_s or 0.0) + (cost.score_s or 0.0) + _start_s(record)
        row = self._shared | {
            "method": record.method,
            "budget": record.budget,
            "options": short_hash(record.options),
            "condense_s": condense_s,
            "score_s": parts_s if record.resumed else max(parts_s, wall_s - condense_s),
            "memory_bytes": cost.peak_rss_bytes,
            "bytes": cost.bytes,
        }
        self._rows.append(row)
        with contextlib.suppress(OSError), self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")

    def estimate(self, job: Job) -> TimeEstimate:
        """Of a job: by rows of the same method, options and budget, else by those that are nearest."""
        if job.budget is None and job.method not in {row["method"] for row in self._rows}:
            return TimeEstimate(self._median(self._rows, "score_s"))
        same = [row for row in self._rows if row["method"] == job.method]
        alike = [row for row in same if row["options"] == short_hash(options_json(job.options))] or same
        near = _nearest(alike, job.budget)
        if not near:
            return TimeEstimate(self._median(self._rows, "score_s"), complete=False)
        seconds = statistics.median(row["condense_s"] + row["score_s"] for row in near)
        return TimeEstimate(
            seconds,
            memory_bytes=max((row["memory_bytes"] or 0 for row in near), default=0) or None,
            artifact_bytes=_bytes(near[-1], job.budget),
        )

    def _median(self, rows: Iterable[dict[str, Any]], field: str) -> float | None:
        values = [row[field] for row in rows]
        return statistics.median(values) if values else None


def _start_s(record: Record) -> float:
    """Seconds of the students of the start and of near items, which a distilled row trains too."""
    parts = [*([record.start] if record.start else []), *record.nearest.values()]
    return sum((part.cost.train_s or 0.0) + (part.cost.score_s or 0.0) for part in parts)


def _nearest(rows: list[dict[str, Any]], budget: Budget | None) -> list[dict[str, Any]]:
    """The rows whose budget is nearest; those in the same unit first."""
    if budget is None or not rows:
        return rows
    parsed = [(Budget.parse(row["budget"]), row) for row in rows]
    unit = [pair for pair in parsed if pair[0].unit == budget.unit] or parsed
    away = [abs(one.amount - budget.amount) if one.unit == budget.unit else 0 for one, _ in unit]
    return [row for (_, row), distance in zip(unit, away, strict=True) if distance == min(away)]


def _is_row(row: dict[str, Any]) -> bool:
    """Whether a line is one of those that are written here: a damaged one may not stop a run that only asks it."""
    if not {"method", "budget", "options", "condense_s", "score_s", "memory_bytes", "bytes"} <= row.keys():
        return False
    texts = all(isinstance(row[name], str) for name in ("method", "budget", "options"))
    seconds = [row[name] for name in ("condense_s", "score_s")]
    sizes = [row[name] for name in ("memory_bytes", "bytes")]
    if not texts or not all(isinstance(one, int | float) and math.isfinite(one) for one in seconds):
        return False
    if row["budget"] not in UNBUDGETED:
        Budget.parse(row["budget"])
    return all(one is None or isinstance(one, int) for one in sizes)


def _bytes(row: dict[str, Any], budget: Budget | None) -> int | None:
    """Coded size of what a row makes, as much a pair as in another row; at most what a budget in bytes allows."""
    size: int | None = row["bytes"]
    if budget is None or size is None:
        return size
    made = Budget.parse(row["budget"])
    if made == budget:
        return size
    if budget.unit == "bytes":
        return budget.amount
    return round(size * budget.amount / made.amount) if made.unit == budget.unit else None


def _read(path: Path) -> list[dict[str, Any]]:
    """All lines that can be read: one that was cut off is left out."""
    rows = []
    with contextlib.suppress(OSError):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[-NEWEST:]:
            with contextlib.suppress(ValueError, RecursionError, BudgetError):
                row = json.loads(line)
                if isinstance(row, dict) and _is_row(row):
                    rows.append(row)
    return rows

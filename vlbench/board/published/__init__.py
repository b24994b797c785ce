"""Numbers of the literature, with their sources and how they were made. They are shown, never ranked.

``results.csv`` and ``protocols.csv`` are described in ``README.md`` next to them.

Examples:
    >>> import vlbench
    >>> sorted(vlbench.board.published.published("flickr30k")[0].numbers)[:2]
    ['IR@1', 'IR@10']
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

METRICS = ("TR@1", "TR@5", "TR@10", "IR@1", "IR@5", "IR@10", "TR mean", "IR mean", "mean")
"""Metrics in the order of columns; others follow by name."""


@dataclass(frozen=True)
class Number:
    """A value and its standard deviation in percent; None where its source gives none."""

    value: float
    sd: float | None


@dataclass(frozen=True)
class Published:
    """What one source says of a method at a budget.

    Attributes:
        numbers: metric -> number.
        method, dataset, budget, image_encoder, text_encoder, source, note: as in ``README.md``.
        seen: ``table`` or ``secondary``.
        protocol: key of :func:`protocols`.
    """

    numbers: Mapping[str, Number]
    method: str
    dataset: str
    budget: str
    image_encoder: str
    text_encoder: str
    protocol: str
    seen: str
    source: str
    note: str

    @property
    def budget_text(self) -> str:
        """The budget with its unit, as sources give it."""
        return "all data" if self.budget == "full" else f"{self.budget} pairs" if self.budget.isdigit() else self.budget

    @property
    def cited(self) -> str:
        """The source, whether it is the paper itself, and what to know."""
        seen = " (not the paper itself)" if self.seen == "secondary" else ""
        return f"{self.source}{seen}" + (f": {self.note}" if self.note else "")


@dataclass(frozen=True)
class PublishedProtocol:
    """How the numbers of a protocol were made; ``checkpoint`` is the rule by which the reported epoch was chosen."""

    protocol: str
    trains: str
    loss: str
    training: str
    checkpoint: str
    caveat: str


@cache
def datasets() -> tuple[str, ...]:
    """Datasets with published numbers."""
    return tuple(sorted({line["dataset"] for line in _lines("results.csv")}))


@cache
def published(dataset: str) -> tuple[Published, ...]:
    """Everything published on a dataset: by budget, then protocol, then as its sources have it.

    Raises:
        UnknownNameError: nothing is known of a dataset of that name.
    """
    if dataset not in datasets():
        from vlbench.registry.suggestions import unknown_name

        raise unknown_name("dataset with published numbers", dataset, datasets(), hint="vlbench leaderboard --help")
    merged: dict[tuple[str, ...], dict[str, Number]] = {}
    for line in _lines("results.csv"):
        if line["dataset"] == dataset:
            number = Number(float(line["value"]), float(line["sd"]) if line["sd"] else None)
            merged.setdefault(tuple(line[name] for name in _KEY), {})[line["metric"]] = number
    found = [Published(numbers, *key) for key, numbers in merged.items()]
    order = list(protocols())
    return tuple(sorted(found, key=lambda row: (_by_size(row.budget), order.index(row.protocol))))


@cache
def protocols() -> dict[str, PublishedProtocol]:
    """Key -> how numbers under it were made."""
    return {line["protocol"]: PublishedProtocol(**line) for line in _lines("protocols.csv")}


def dataset_of(suite: str) -> str | None:
    """The dataset that a suite is named after, as ``flickr30k-vldd`` is, where numbers on it are published."""
    first = suite.split("-")[0]
    return first if first in datasets() else None


def sources_of(rows: Iterable[Published]) -> dict[str, int]:
    """Sources as cited -> their numbers, from 1, in order of appearance."""
    return {source: number for number, source in enumerate(dict.fromkeys(row.cited for row in rows), start=1)}


def metrics_of(rows: Iterable[Published]) -> list[str]:
    """The metrics that occur, in the order of columns."""
    found = {metric for row in rows for metric in row.numbers}
    return [metric for metric in METRICS if metric in found] + sorted(found - set(METRICS))


_KEY = (
    "method", "dataset", "budget", "image_encoder", "text_encoder", "protocol", "seen", "source", "note"
)  # fmt: skip


@cache
def _lines(name: str) -> tuple[dict[str, str], ...]:
    text = files(__name__).joinpath(name).read_text(encoding="utf-8")
    return tuple(csv.DictReader(io.StringIO(text)))


def _by_size(budget: str) -> tuple[bool, int, str]:
    return (not budget.isdigit(), int(budget) if budget.isdigit() else 0, budget)

"""Numbers that papers report, declared by plugins. They are shown, never ranked.

A plugin names its files in a :class:`vlbench.board.PublishedSpec`; docs/hooks.md describes their columns. A format of
the board that asks for ``published`` is called with a :class:`Literature`.

Examples:
    >>> import vlbench
    >>> def count(*, table, published):  # target of a vlbench.Declaration that vlbench_formats() returns
    ...     return str(sum(len(row.numbers) for row in published.on("flickr30k")))
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

from vlbench.errors import PluginError
from vlbench.registry.specs import PublishedSpec
from vlbench.registry.suggestions import unknown_name

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
        method, dataset, budget, image_encoder, text_encoder, source, note: columns of the file, see docs/hooks.md.
        seen: ``table`` or ``secondary``.
        protocol: key of :attr:`Literature.protocols`.
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


class Literature:
    """All that plugins declare of papers; files are read when they are first asked for.

    Raises:
        PluginError: a file cannot be read, lacks a column, or holds a value that is not allowed.
    """

    def __init__(self, collections: Iterable[PublishedSpec]) -> None:
        self._collections = tuple(collections)

    @cached_property
    def protocols(self) -> dict[str, PublishedProtocol]:
        """Key -> how numbers under it were made."""
        names = [field.name for field in fields(PublishedProtocol)]
        found = [_lines(spec, spec.protocols, names) for spec in self._collections if spec.protocols]
        return {line["protocol"]: PublishedProtocol(**line) for lines in found for line in lines.values()}

    @cached_property
    def datasets(self) -> tuple[str, ...]:
        """Datasets with published numbers."""
        return tuple(sorted({row.dataset for row in self._rows}))

    def on(self, dataset: str) -> tuple[Published, ...]:
        """Everything published on a dataset: by budget, then protocol, then as its sources have it.

        Raises:
            UnknownNameError: nothing is known of a dataset of that name.
        """
        if dataset not in self.datasets:
            kind = "dataset with published numbers"
            raise unknown_name(kind, dataset, self.datasets, hint="vlbench leaderboard --help")
        order = list(self.protocols)
        found = [row for row in self._rows if row.dataset == dataset]
        return tuple(sorted(found, key=lambda row: (_by_size(row.budget), order.index(row.protocol))))

    def dataset_of(self, suite: str) -> str | None:
        """The dataset that a suite is named after, as ``flickr30k-vldd`` is, where numbers on it are published."""
        first = suite.split("-")[0]
        return first if first in self.datasets else None

    @cached_property
    def _rows(self) -> tuple[Published, ...]:
        merged: dict[tuple[str, ...], dict[str, Number]] = {}
        for spec in self._collections:
            for at, line in _lines(spec, spec.numbers, (*_KEY, "metric", "value", "sd")).items():
                if line["protocol"] not in self.protocols:
                    allowed = ", ".join(self.protocols) or "none; name a file of protocols"
                    raise PluginError(f"{at}: protocol is {line['protocol']!r}. It must be one of: {allowed}.")
                number = Number(_percent(line["value"], at), _percent(line["sd"], at) if line["sd"] else None)
                merged.setdefault(tuple(line[name] for name in _KEY), {})[line["metric"]] = number
        return tuple(Published(numbers, *key) for key, numbers in merged.items())


def literature(plugins: Sequence[str] = ()) -> Literature:
    """What installed plugins, and plugin files, declare of papers."""
    from vlbench.registry.loader import load_registry

    return Literature(load_registry(plugins).all("published").values())


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


def _lines(spec: PublishedSpec, file: str, columns: Iterable[str]) -> dict[str, dict[str, str]]:
    """Where a line stands -> its columns."""
    reader = csv.DictReader(io.StringIO(spec.read_text(file)))
    if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
        raise PluginError(f"published numbers {spec.name!r}: {file} has no column {missing[0]!r} in its first line.")
    lines = {f"published numbers {spec.name!r}: {file}, line {reader.line_num}": line for line in reader}
    for at, line in lines.items():
        if None in line or None in line.values():
            raise PluginError(f"{at}: it must have a value, or an empty one, for each of the columns, and no more.")
    return {at: {name: line[name] for name in columns} for at, line in lines.items()}


def _percent(text: str, at: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        raise PluginError(f"{at}: {text!r} is not a percentage. It must be a number from 0 to 100.")
    return value


def _by_size(budget: str) -> tuple[bool, int, str]:
    return (not budget.isdigit(), int(budget) if budget.isdigit() else 0, budget)

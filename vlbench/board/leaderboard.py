"""Records -> table: rows that may be compared stand in one group, beside the rows that give them meaning.

Comparable is what has the same suite, protocol hash, data, budget and student. Full data and chance have no budget and
stand in every group of their suite. Runs that differ in their seed only are one row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from vlbench.board.statistics import mean, sample_sd

Record = Mapping[str, Any]

UNBUDGETED = ("full", "chance")
REFERENCE, CEILING = "random", "full"
MEAN_RECALL = "mean"
_SHORT = {"image_to_text": "TR", "text_to_image": "IR"}


@dataclass(frozen=True)
class Cell:
    """A score in percent: mean and sample standard deviation over ``count`` values (0: nothing was drawn)."""

    mean: float
    sd: float
    count: int


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        method: its name.
        options: the options in which it differs from other rows of the same method in its group.
        status: finished, diverged or failed; only a finished row has cells.
        runs: how many runs, with seeds of their own, are merged.
        seeds: how many student seeds each of them was scored with.
        cells: column (``TR@1`` ... ``IR@10``, ``mean``) -> score. The spread is over runs where ``runs`` > 1, and
            over student seeds else.
        recovered: (row - random) / (full - random) in mean recall; None where one of the two is missing.
        pairs, bytes, seconds: size of the artifact, and time to condense, train and score, on average over runs.
        always_on: the row is there to give the others meaning.
        message: why it did not finish.
        records: the records merged into this row.
    """

    method: str
    options: Mapping[str, Any]
    status: str
    runs: int
    seeds: int
    cells: Mapping[str, Cell]
    pairs: float | None
    bytes: float | None
    seconds: float | None
    always_on: bool
    message: str = ""
    recovered: float | None = None
    records: tuple[Record, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Group:
    """Rows that may be compared: ranked ones best first, and those that are always there."""

    suite: str
    protocol_hash: str
    protocol_version: str
    budget: str
    student: str
    columns: tuple[str, ...]
    ranked: tuple[Row, ...] = field(default=())
    always_on: tuple[Row, ...] = field(default=())


@dataclass(frozen=True)
class Table:
    """All groups, by suite, protocol, budget and student."""

    groups: tuple[Group, ...]


def build_table(records: Iterable[Record]) -> Table:
    """The table of some records; the order in which they are given does not matter."""
    worlds: dict[tuple[str, str, str], list[Record]] = {}
    for record in records:
        key = (record["suite"], record["protocol_hash"], record.get("data_fingerprint") or "")
        worlds.setdefault(key, []).append(record)
    return Table(tuple(group for key in sorted(worlds) for group in _groups(worlds[key])))


def _groups(world: Sequence[Record]) -> list[Group]:
    """Groups of the records of one suite, protocol and data set."""
    budgets = {record["budget"] for record in world if record["budget"] not in UNBUDGETED} or {CEILING}
    groups = []
    for budget in sorted(budgets, key=_budget_order):
        at_budget = [record for record in world if record["budget"] in (budget, *UNBUDGETED)]
        students = dict.fromkeys(name for record in at_budget for name in record["scores"]) or {"": None}
        groups += [_group(at_budget, budget, student) for student in students]
    return groups


def _group(records: Sequence[Record], budget: str, student: str) -> Group:
    fitting = [record for record in records if record["status"] != "finished" or student in record["scores"]]
    rows = _with_recovered(_with_short_options([_row(same, student) for same in _same_but_seed(fitting)]))
    columns = dict.fromkeys(column for row in rows for column in row.cells)
    ordered = sorted(rows, key=lambda row: (-_mean_recall(row), row.method, _canonical(row.options)))
    first = records[0]
    return Group(
        suite=first["suite"],
        protocol_hash=first["protocol_hash"],
        protocol_version=str(first.get("protocol_version", "")),
        budget=budget,
        student=student,
        columns=tuple(columns),
        ranked=tuple(row for row in ordered if not row.always_on),
        always_on=tuple(row for row in ordered if row.always_on),
    )


def _same_but_seed(records: Sequence[Record]) -> list[list[Record]]:
    """Runs that differ in their seed only; of a run that is there twice, the finished and then the later one."""
    rows: dict[tuple[Any, ...], dict[int, Record]] = {}
    for record in sorted(records, key=lambda r: (r["status"] == "finished", r.get("created", ""), r["id"])):
        # A run that did not finish is a row of its own: it must not vanish among those that did.
        key = (record["method"], _canonical(record["options"]), record["status"] == "finished")
        rows.setdefault(key, {})[record["seed"]] = record
    finished_seeds = {(key[:2], seed) for key, seeds in rows.items() if key[2] for seed in seeds}
    merged = []
    for key, seeds in rows.items():
        kept = [record for seed, record in sorted(seeds.items()) if key[2] or (key[:2], seed) not in finished_seeds]
        merged += [kept] if kept else []
    return merged


def _row(runs: Sequence[Record], student: str) -> Row:
    first = runs[0]
    finished = first["status"] == "finished"
    cells = [_cells(run["scores"][student]) for run in runs] if finished else []
    return Row(
        method=first["method"],
        options=first["options"],
        status=first["status"],
        runs=len(runs),
        seeds=cells[0][MEAN_RECALL].count if cells else 0,
        cells={column: _merge([of_run[column] for of_run in cells]) for column in cells[0]} if cells else {},
        pairs=_average([run["cost"].get("pairs") for run in runs]),
        bytes=_average([run["cost"].get("bytes") for run in runs]),
        seconds=_average([_seconds(run["cost"]) for run in runs]),
        always_on=any(run.get("always_on", False) for run in runs) or first["method"] in UNBUDGETED,
        message=first.get("message") or "",
        records=tuple(runs),
    )


def _cells(scores: Mapping[str, Any]) -> dict[str, Cell]:
    """Scores of one student in one record, by column."""
    cells: dict[str, Cell] = {}
    for direction, at in scores.items():
        if direction != "mean_recall":
            short = _SHORT.get(direction, direction)
            cells |= {f"{short}{recall.removeprefix('R')}": _cell(summary) for recall, summary in at.items()}
    order = {name: number for number, name in enumerate(_SHORT.values())}
    ordered = sorted(cells, key=lambda column: order.get(column.split("@")[0], len(order)))
    return {**{column: cells[column] for column in ordered}, MEAN_RECALL: _cell(scores["mean_recall"])}


def _cell(summary: Mapping[str, Any]) -> Cell:
    return Cell(summary["mean"], summary["sd"], len(summary["seeds"]))


def _merge(cells: Sequence[Cell]) -> Cell:
    if len(cells) == 1:
        return cells[0]
    means = [cell.mean for cell in cells]
    return Cell(mean(means), sample_sd(means), len(means))


def _with_short_options(rows: Sequence[Row]) -> list[Row]:
    """Keep the options that tell rows of one method apart."""
    shortened = []
    for row in rows:
        siblings = [other.options for other in rows if other.method == row.method]
        telling = {
            name: value
            for name, value in row.options.items()
            if any(name not in options or options[name] != value for options in siblings)
        }
        shortened.append(replace(row, options=telling))
    return shortened


def _with_recovered(rows: Sequence[Row]) -> list[Row]:
    floors = [row for row in rows if row.method == REFERENCE and row.cells]
    ceilings = [row for row in rows if row.method == CEILING and row.cells]
    if not floors or not ceilings:
        return list(rows)
    floor = _mean_recall(min(floors, key=lambda row: (not row.always_on, len(row.options), _canonical(row.options))))
    ceiling = _mean_recall(ceilings[0])
    if ceiling <= floor:
        return list(rows)
    return [
        replace(row, recovered=(_mean_recall(row) - floor) / (ceiling - floor))
        if row.cells and row.method != "chance"
        else row
        for row in rows
    ]


def _mean_recall(row: Row) -> float:
    return row.cells[MEAN_RECALL].mean if row.cells else -1.0


def _seconds(cost: Mapping[str, Any]) -> float | None:
    parts = [cost[name] for name in ("condense_s", "train_s", "score_s") if cost.get(name) is not None]
    return sum(parts) if parts else None


def _average(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if known else None


def _canonical(options: Mapping[str, Any]) -> str:
    return json.dumps(dict(options), sort_keys=True, default=str)


def _budget_order(budget: str) -> tuple[bool, float, str]:
    return (not budget.isdigit(), float(budget) if budget.isdigit() else 0.0, budget)

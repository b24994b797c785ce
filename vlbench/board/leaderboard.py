"""Records -> table: rows that may be compared stand in one group, beside the rows that give them meaning.

Comparable is what has the same suite, protocol hash, data, budget, student and encoders of that student. Full data and
chance have no budget and stand in every group of their suite. Runs that differ in their seed only are one row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from vlbench.board.columns import short_names
from vlbench.board.derived_rows import entries
from vlbench.board.plain import cleaned
from vlbench.board.statistics.intervals import Sample
from vlbench.board.statistics.ranking import Difference, rank
from vlbench.board.statistics.samples import MEAN_RECALL as MEAN_RECALL
from vlbench.board.statistics.samples import RECALLS, Record, interval, is_provisional, samples, summaries
from vlbench.budget import Budget
from vlbench.cache import short_hash
from vlbench.records.evidence import weakest
from vlbench.records.summary import mean, sample_sd

DECIDING = ("protocol_version", "protocol_hash", "data_fingerprint")
"""Fields of a record in which rows of one suite must agree to be compared."""
UNBUDGETED = ("full", "chance")
REFERENCE, CEILING = "random", "full"


@dataclass(frozen=True)
class Cell:
    """A score in percent: mean and sample standard deviation over ``count`` values (0: nothing was drawn).

    ``interval`` holds the method's true score in 95 % of all repetitions; None where one run of a method that draws, or
    nothing drawn, cannot say.
    """

    mean: float
    sd: float
    count: int
    interval: tuple[float, float] | None = None


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
        interval: that of mean recall.
        basis: what it rests on: ``"seeds and images"``, or ``"seeds"`` where ranks were not kept.
        provisional: it has too few seeds to be ranked.
        rank: the places it may have among the ranked rows: ``"2"``, or ``"1-3"`` where it cannot be told from others;
            ``""`` for a row that is not ranked.
        home: mean recall on the student that the pairs were made for, where the row is of another one.
        origin: the claim it was unpacked from; "" for one's own runs, with which it is never merged.
        flags: what the audit found: looks by which the made pairs are nearer to test items than train items are.
        badge: how far all its records were checked, see :mod:`vlbench.records.evidence`; "" if one was not.
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
    interval: tuple[float, float] | None = None
    basis: str = ""
    provisional: bool = False
    rank: str = ""
    badge: str = ""
    home: float | None = None
    origin: str = ""
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """Rows that may be compared: ranked ones best first, then those without a rank, and those that are always there.

    Attributes:
        encoders: a hash that tells the student's encoders from those of other groups, where there are any.
        overrides: what differs from the protocol's file. Where anything does, no row is ranked.
        mock: the data are a stand-in, and no row is ranked.
        resolution: the smallest difference in mean recall, in points, that would tell two of the ranked rows apart.
        differences: all pairs of ranked rows, which come first in ``ranked``.
        apart: field -> its value here, for what keeps this group from another of the same suite in the table.
        directions: short name in ``columns`` -> direction in records, as in ``TR`` -> ``image_to_text``.
    """

    suite: str
    protocol_hash: str
    protocol_version: str
    budget: str
    student: str
    columns: tuple[str, ...]
    ranked: tuple[Row, ...] = field(default=())
    always_on: tuple[Row, ...] = field(default=())
    overrides: Mapping[str, str] = field(default_factory=dict)
    mock: bool = False
    resolution: float | None = None
    differences: tuple[Difference, ...] = field(default=())
    data_fingerprint: str = ""
    apart: Mapping[str, str] = field(default_factory=dict)
    directions: Mapping[str, str] = field(default_factory=dict)
    encoders: str = ""


class LeftOut(NamedTuple):
    """A run that no board was made of, and why."""

    folder: str
    reason: str


@dataclass(frozen=True)
class Table:
    """All groups, by suite, protocol, budget and student; and the runs that stand in none."""

    groups: tuple[Group, ...]
    left_out: tuple[LeftOut, ...] = ()


def build_table(records: Iterable[Record]) -> Table:
    """The table of some records; the order in which they are given does not matter."""
    worlds: dict[tuple[str, str, str], list[Record]] = {}
    for record in entries(map(cleaned, records)):
        key = (record["suite"], record["protocol_hash"], record.get("data_fingerprint") or "")
        worlds.setdefault(key, []).append(record)
    groups = [group for key in sorted(worlds) for group in _groups(worlds[key])]
    return Table(tuple(replace(group, apart=_apart(group, groups)) for group in groups))


def _apart(group: Group, groups: Sequence[Group]) -> dict[str, str]:
    if group.overrides:  # off protocol: said already
        return {}
    others = [other for other in groups if other.suite == group.suite and not other.overrides]
    return {
        name: getattr(group, name)
        for name in DECIDING
        if any(getattr(other, name) != getattr(group, name) for other in others)
    }


def _groups(world: Sequence[Record]) -> list[Group]:
    """Groups of the records of one suite, protocol and data set."""
    budgets = {record["budget"] for record in world if record["budget"] not in UNBUDGETED} or {CEILING}
    groups = []
    for budget in sorted(budgets, key=_budget_order):
        at_budget = [record for record in world if record["budget"] in (budget, *UNBUDGETED)]
        students = dict.fromkeys(name for record in at_budget for name in record["scores"]) or {"": None}
        for student in students:
            worlds = _by_encoders(at_budget, student)
            groups += [replace(_group(same, budget, student), encoders=name) for name, same in worlds.items()]
    return groups


def _by_encoders(records: Sequence[Record], student: str) -> dict[str, list[Record]]:
    """Records whose student has the same encoders; those that name none stand in every group."""
    of_record = [_canonical(record.get("encoders", {}).get(student, {})) for record in records]
    known = sorted({text for text in of_record if text != "{}"}) or ["{}"]
    return {
        short_hash(text, 8) if len(known) > 1 else "": [
            record for record, own in zip(records, of_record, strict=True) if own in (text, "{}")
        ]
        for text in known
    }


def _group(records: Sequence[Record], budget: str, student: str) -> Group:
    fitting = [record for record in records if record["status"] != "finished" or student in record["scores"]]
    first = records[0]
    overrides, mock = first.get("overrides") or {}, any(record.get("mock", False) for record in records)
    measured = [_row(same, student) for same in _same_but_seed(fitting)]
    measured.sort(key=lambda each: (-_mean_recall(each[0]), each[0].method, _canonical(each[0].options)))
    able = {
        number: sample
        for number, (row, sample) in enumerate(measured)
        if sample and not mock and _is_ranked(row, overrides)
    }
    ranking = rank(list(able.values()))
    ranks = dict(zip(able, ranking.ranks, strict=True))
    rows = [replace(row, rank=ranks.get(number, "")) for number, (row, _) in enumerate(measured)]
    rows = _with_recovered(_with_short_options(rows))
    columns = dict.fromkeys(column for row in rows for column in row.cells)
    ordered = sorted(rows, key=lambda row: not row.rank)
    return Group(
        suite=first["suite"],
        protocol_hash=first["protocol_hash"],
        protocol_version=str(first.get("protocol_version", "")),
        budget=budget,
        student=student,
        columns=tuple(columns),
        ranked=tuple(row for row in ordered if not row.always_on),
        always_on=tuple(row for row in ordered if row.always_on),
        overrides=overrides,
        mock=mock,
        resolution=ranking.resolution,
        differences=ranking.differences,
        data_fingerprint=first.get("data_fingerprint") or "",
        directions=_directions(fitting, student),
    )


def _directions(records: Sequence[Record], student: str) -> dict[str, str]:
    names = dict.fromkeys(name for record in records for name in record["scores"].get(student, {}) if name != RECALLS)
    return {short: name for name, short in short_names(names).items()}


def _same_but_seed(records: Sequence[Record]) -> list[list[Record]]:
    """Runs that differ in their seed only; one's own apart from claims, and those that did not finish apart.

    Where a seed is there twice with other results, each of them is a row of its own: no date decides between them.
    """
    rows: dict[tuple[Any, ...], dict[int, list[Record]]] = {}
    for record in sorted(records, key=_canonical):
        key = (
            record["method"],
            _canonical(record["options"]),
            bool(record.get("origin")),
            record["status"] == "finished",
        )
        same = rows.setdefault(key, {}).setdefault(record["seed"], [])
        if not any(_results(record) == _results(other) for other in same):
            same.append(record)
    finished = {(key[:3], seed) for key, seeds in rows.items() if key[3] for seed in seeds}
    merged = []
    for key, seeds in rows.items():
        # A run that did not finish is a row of its own, unless it did elsewhere: it must not vanish among the others.
        wanted = {seed: runs for seed, runs in sorted(seeds.items()) if key[3] or (key[:3], seed) not in finished}
        merged.append([runs[0] for runs in wanted.values() if len(runs) == 1])
        merged += [[run] for runs in wanted.values() if len(runs) > 1 for run in runs]
    return [runs for runs in merged if runs]


def _results(record: Record) -> tuple[object, ...]:
    return (
        (record["scores"], record.get("message"), record.get("artifact_sha256"))
        if record["status"] == "finished"
        else ()
    )


def _row(runs: Sequence[Record], student: str) -> tuple[Row, Sample | None]:
    """A row and what its mean recall rests on."""
    first = runs[0]
    finished = first["status"] == "finished"
    units = samples(runs, student) if finished else {}
    sample = units.get(MEAN_RECALL)
    cells = _cells(runs, student, units) if finished else {}
    row = Row(
        method=first["method"],
        options=first["options"],
        status=first["status"],
        runs=len(runs),
        seeds=min(len(run["scores"][student]["mean_recall"]["seeds"]) for run in runs) if finished else 0,
        cells=cells,
        pairs=_average([run["cost"].get("pairs") for run in runs]),
        bytes=_average([run["cost"].get("bytes") for run in runs]),
        seconds=_average([_seconds(run["cost"]) for run in runs]),
        always_on=any(run.get("always_on", False) for run in runs) or first["method"] in UNBUDGETED,
        message=first.get("message") or "",
        records=tuple(runs),
        interval=cells[MEAN_RECALL].interval if cells else None,
        basis="" if sample is None else "seeds" if sample.images is None else "seeds and images",
        provisional=finished and is_provisional(runs, student),
        home=_home(runs, student) if finished else None,
        badge=weakest(run.get("badge", "") for run in runs),
        origin=str(first.get("origin", "")),
        flags=tuple(dict.fromkeys(flag for run in runs for flag in run.get("flags") or ())),
    )
    return row, sample


def _home(runs: Sequence[Record], student: str) -> float | None:
    """Mean recall of the runs on their reference student; None where that is the row's own, or not known."""
    references = [run.get("reference", student) for run in runs]
    if student in references or runs[0]["method"] in UNBUDGETED:
        return None
    return mean([run["scores"][name][RECALLS]["mean"] for run, name in zip(runs, references, strict=True)])


def _cells(runs: Sequence[Record], student: str, units: Mapping[str, Sample]) -> dict[str, Cell]:
    """Scores of finished runs, by column."""
    of_runs = [summaries(run["scores"][student]) for run in runs]
    cells = {}
    for column, first in of_runs[0].items():
        means = [of_run[column]["mean"] for of_run in of_runs]
        several = len(means) > 1
        cells[column] = Cell(
            mean=mean(means),
            sd=sample_sd(means) if several else first["sd"],
            count=len(means) if several else len(first["seeds"]),
            interval=interval(units.get(column)),
        )
    return cells


def _is_ranked(row: Row, overrides: Mapping[str, str]) -> bool:
    return not (overrides or row.always_on or row.provisional)


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
    floor = _mean_recall(
        min(floors, key=lambda row: (row.origin, not row.always_on, len(row.options), _canonical(row.options)))
    )
    ceiling = _mean_recall(min(ceilings, key=lambda row: row.origin))
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


def _budget_order(budget: str) -> tuple[bool, bool, int]:
    parsed = Budget.parse(budget if budget != CEILING else 1)
    return (budget == CEILING, parsed.unit == "bytes", parsed.amount)

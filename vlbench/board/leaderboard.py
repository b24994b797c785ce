"""Records -> table: rows that may be compared stand in one group, with the rows that give them meaning.

Comparable is what has the same suite, protocol hash, data, budget, student and encoders of that student. Full data and
chance have no budget and stand in every group of their suite. Runs that differ in their seed only are one row.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

import msgspec

from vlbench.board.columns import short_names
from vlbench.board.derived_rows import with_derived_rows
from vlbench.board.plain import cleaned
from vlbench.board.statistics.intervals import Sample
from vlbench.board.statistics.ranking import rank
from vlbench.board.statistics.samples import CHANCE, MEAN_RECALL, is_provisional, samples, score_interval, summaries
from vlbench.board.table import CEILING, UNBUDGETED, Group, Row, Score, Table
from vlbench.budget import Budget
from vlbench.disk.sums import short_hash
from vlbench.records.evidence import weakest
from vlbench.records.record import Cost, FoundRecord, StudentScores
from vlbench.records.summary import sample_sd

DECIDING = ("protocol_version", "protocol_hash", "data_fingerprint")
"""Fields of a record in which rows of one suite must agree to be compared."""


def build_table(records: Iterable[FoundRecord]) -> Table:
    """The table of some records; the order in which they are given does not matter."""
    comparable: dict[tuple[str, str, str], list[FoundRecord]] = {}
    for record in with_derived_rows(map(cleaned, records)):
        key = (record.suite, record.protocol_hash, record.data_fingerprint)
        comparable.setdefault(key, []).append(record)
    groups = [group for key in sorted(comparable) for group in _groups(comparable[key])]
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


def _groups(records: Sequence[FoundRecord]) -> list[Group]:
    """Groups of the records of one suite, protocol and dataset."""
    texts = {record.budget for record in records if record.budget not in UNBUDGETED}
    budgets: list[Budget | None] = [*sorted(map(Budget.parse, texts), key=lambda budget: budget.sort_key)]
    groups = []
    for budget in budgets or [None]:
        at_budget = [record for record in records if record.budget in (str(budget), *UNBUDGETED)]
        students = dict.fromkeys(name for record in at_budget for name in record.scores) or {"": None}
        for student in students:
            apart = _by_encoders(at_budget, student)
            groups += [replace(_group(same, budget, student), encoders=name) for name, same in apart.items()]
    return groups


def _by_encoders(records: Sequence[FoundRecord], student: str) -> dict[str, list[FoundRecord]]:
    """Records whose student has the same encoders; those that name none stand in every group."""
    of_record = [_canonical(record.encoders.get(student, {})) for record in records]
    known = sorted({text for text in of_record if text != "{}"}) or ["{}"]
    return {
        short_hash(text, 8) if len(known) > 1 else "": [
            record for record, own in zip(records, of_record, strict=True) if own in (text, "{}")
        ]
        for text in known
    }


def _group(records: Sequence[FoundRecord], budget: Budget | None, student: str) -> Group:
    fitting = [record for record in records if record.status != "finished" or student in record.scores]
    first = records[0]
    overrides, mock = first.overrides, any(record.mock for record in records)
    named = sorted((record for record in records if record.baselines), key=lambda record: record.origin)
    floor = named[0].baselines[0] if named else ""  # one's own runs name it, where there are any
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
    rows = _with_recovered(_with_short_options(rows), floor)
    ordered = sorted(rows, key=lambda row: not row.rank)
    return Group(
        suite=first.suite,
        protocol_hash=first.protocol_hash,
        protocol_version="" if first.protocol_version is None else str(first.protocol_version),
        budget=budget,
        student=student,
        columns=tuple(dict.fromkeys(column for row in rows for column in row.scores)),
        ranked=tuple(row for row in ordered if not row.baseline),
        baselines=tuple(row for row in ordered if row.baseline),
        floor=floor,
        overrides=overrides,
        mock=mock,
        resolution=ranking.resolution,
        differences=ranking.differences,
        data_fingerprint=first.data_fingerprint,
        directions=_directions(fitting, student),
    )


def _directions(records: Sequence[FoundRecord], student: str) -> dict[str, str]:
    scored = [record.scores[student] for record in records if student in record.scores]
    names = dict.fromkeys(name for scores in scored for name in scores.directions)
    return {short: name for name, short in short_names(names).items()}


def _same_but_seed(records: Sequence[FoundRecord]) -> list[list[FoundRecord]]:
    """Runs that differ in their seed only; one's own apart from claims, and those that did not finish apart.

    Where a seed is there twice with other results, each of them is a row of its own: no date decides between them.
    """
    rows: dict[tuple[Any, ...], dict[int, list[FoundRecord]]] = {}
    for record in sorted(records, key=lambda r: (r.id, r.origin, msgspec.json.encode(r.scores), r.message)):
        key = (record.method, _canonical(record.options), bool(record.origin), record.status == "finished")
        same = rows.setdefault(key, {}).setdefault(record.seed, [])
        if not any(_is_same_result(record, other) for other in same):
            same.append(record)
    finished = {(key[:3], seed) for key, seeds in rows.items() if key[3] for seed in seeds}
    merged = []
    for key, seeds in rows.items():
        # A run that did not finish is a row of its own, unless it did elsewhere: it must not vanish among the others.
        wanted = {seed: runs for seed, runs in sorted(seeds.items()) if key[3] or (key[:3], seed) not in finished}
        merged.append([runs[0] for runs in wanted.values() if len(runs) == 1])
        merged += [[run] for runs in wanted.values() if len(runs) > 1 for run in runs]
    return [runs for runs in merged if runs]


def _is_same_result(one: FoundRecord, other: FoundRecord) -> bool:
    if one.status != "finished":
        return True
    return (one.scores, one.artifact_sha256) == (other.scores, other.artifact_sha256)


def _row(runs: Sequence[FoundRecord], student: str) -> tuple[Row, Sample | None]:
    """A row and what its mean recall rests on."""
    first = runs[0]
    finished = first.status == "finished"
    units = samples(runs, student) if finished else {}
    sample = units.get(MEAN_RECALL)
    scores = _scores([run.scores[student] for run in runs], units) if finished else {}
    row = Row(
        method=first.method,
        options=first.options,
        status=first.status,
        runs=len(runs),
        seeds=min(len(run.scores[student].mean_recall.seeds) for run in runs) if finished else 0,
        scores=scores,
        pairs=_average([run.cost.pairs for run in runs]),
        bytes=_average([run.cost.bytes for run in runs]),
        seconds=_average([_seconds(run.cost) for run in runs]),
        baseline=any(run.baseline for run in runs) or first.method in UNBUDGETED,
        message=first.message,
        records=tuple(runs),
        interval=scores[MEAN_RECALL].interval if scores else None,
        basis="" if sample is None else "seeds" if sample.images is None else "seeds and images",
        provisional=finished and (is_provisional(runs, student) or not _has_grounds(runs, student, sample)),
        home=_home(runs, student) if finished else None,
        badge=weakest(run.badge for run in runs),
        origin=first.origin,
        flags=tuple(dict.fromkeys(flag for run in runs for flag in run.flags)),
    )
    return row, sample


def _has_grounds(runs: Sequence[FoundRecord], student: str, sample: Sample | None) -> bool:
    """Whether a claim holds what a rank rests on, which schema 3 and older did not: ranks, and encoders by name."""
    if not runs[0].origin:
        return True
    return sample is not None and sample.images is not None and all(run.encoders.get(student) for run in runs)


def _home(runs: Sequence[FoundRecord], student: str) -> float | None:
    """Mean recall of the runs on their reference student; None where that is the row's own, or not known."""
    references = [run.reference or student for run in runs]
    homes = [run.scores.get(name) for run, name in zip(runs, references, strict=True)]
    if student in references or None in homes or runs[0].method in UNBUDGETED:
        return None
    return fmean([scores.mean_recall.mean for scores in homes if scores])


def _scores(of_runs: Sequence[StudentScores], units: Mapping[str, Sample]) -> dict[str, Score]:
    """Scores of finished runs, by column."""
    columns = [summaries(scores) for scores in of_runs]
    scores = {}
    for column, first in columns[0].items():
        means = [of_run[column].mean for of_run in columns]
        several = len(means) > 1
        scores[column] = Score(
            mean=fmean(means),
            sd=sample_sd(means) if several else first.sd,
            count=len(means) if several else len(first.seeds),
            interval=score_interval(units.get(column)),
        )
    return scores


def _is_ranked(row: Row, overrides: Mapping[str, str]) -> bool:
    return not (overrides or row.baseline or row.provisional)


def _with_short_options(rows: Sequence[Row]) -> list[Row]:
    """Keep the options that tell rows of one method apart: values that most of them do not share."""
    shortened = []
    for row in rows:
        siblings = [other.options for other in rows if other.method == row.method]
        telling = {name: value for name, value in row.options.items() if not _is_usual(name, value, siblings)}
        shortened.append(replace(row, options=telling))
    return shortened


def _is_usual(name: str, value: object, siblings: Sequence[Mapping[str, Any]]) -> bool:
    """Whether nobody needs to read it: all rows have the option, and most of them this value.

    Where one leaves it to the method, that is the usual value."""
    if not all(name in options for options in siblings):
        return False
    values = [options[name] for options in siblings]
    return value is None if None in values else 2 * values.count(value) > len(values)


def _with_recovered(rows: Sequence[Row], floor_method: str) -> list[Row]:
    """Share of the way from floor to ceiling, both of one's own runs: no claim moves what other rows have."""
    own = [row for row in rows if row.scores and not row.origin]
    floors = [row for row in own if row.method == floor_method]
    ceilings = [row for row in own if row.method == CEILING]
    if not floors or not ceilings:
        return list(rows)
    floor = _mean_recall(min(floors, key=lambda row: (not row.baseline, len(row.options), _canonical(row.options))))
    ceiling = _mean_recall(ceilings[0])
    if ceiling <= floor:
        return list(rows)
    return [
        replace(row, recovered=(_mean_recall(row) - floor) / (ceiling - floor))
        if row.scores and row.method != CHANCE
        else row
        for row in rows
    ]


def _mean_recall(row: Row) -> float:
    return row.scores[MEAN_RECALL].mean if row.scores else -1.0


def _seconds(cost: Cost) -> float | None:
    parts = [part for part in (cost.condense_s, cost.train_s, cost.score_s) if part is not None]
    return sum(parts) if parts else None


def _average(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _canonical(options: Mapping[str, Any]) -> str:
    return json.dumps(dict(options), sort_keys=True, default=str)

"""What rows are worth in random real pairs, and from how many trainings on condensing them has paid."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from statistics import fmean

from vlbench.board.statistics.samples import CHANCE, DISTILLATION_SEEDS, MEAN_RECALL, deterministic
from vlbench.board.table import CEILING, Group, Row, Table, Worth
from vlbench.records.curve import Curve
from vlbench.records.record import FoundRecord

Find = Callable[[str, str, str], Curve | None]
"""Protocol hash, data fingerprint, student -> its learning curve, if there is one."""


def with_worth(table: Table, find: Find) -> Table:
    """The table with worth and break-even of every row that has a score; groups off protocol stay as they are."""
    return replace(table, groups=tuple(_with_worth(group, find) for group in table.groups))


def _with_worth(group: Group, find: Find) -> Group:
    if group.overrides or group.mock or not group.columns:
        return group
    curve = find(group.protocol_hash, group.data_fingerprint, group.student)
    full = next((row for row in group.baselines if row.method == CEILING and row.scores and not row.origin), None)
    full_s = _mean([record.cost.train_s for record in full.records]) if full else None

    def valued(row: Row) -> Row:
        if not row.scores or row.method == CHANCE:
            return row
        worth = _worth(row, group.student, curve) if curve else None
        return replace(row, worth=worth, break_even=_break_even(row, worth, curve, full_s))

    rows = {name: tuple(map(valued, getattr(group, name))) for name in ("ranked", "baselines")}
    return replace(group, curve=curve is not None, **rows)  # type: ignore[arg-type]


def _worth(row: Row, student: str, curve: Curve) -> Worth:
    mean, means = row.scores[MEAN_RECALL].mean, curve.means
    outside = "<" if mean < means[0] else ">" if mean > max(means) else ""
    return Worth(curve.worth(mean), curve.interval(_units(row.records, student)), outside)


def _units(records: Sequence[FoundRecord], student: str) -> list[float]:
    """What the row's score is the mean of: its runs, or the students of runs that draw nothing or are too few."""
    recalls = [record.scores[student].mean_recall for record in records]
    if len(records) >= DISTILLATION_SEEDS and not deterministic(records):
        return [recall.mean for recall in recalls]
    return [score for recall in recalls for score in recall.seeds]


def _break_even(row: Row, worth: Worth | None, curve: Curve | None, full_s: float | None) -> dict[str, int | None]:
    """Against all data and against as many real pairs, of a row that was condensed."""
    made, train = (_mean([getattr(record.cost, name) for record in row.records]) for name in ("condense_s", "train_s"))
    if made is None or train is None or row.method == CEILING:
        return {}
    real_s = curve.seconds_at(worth.pairs) if curve and worth else None
    others = {"full": full_s, "real": real_s}
    return {name: _trainings(made, other - train) for name, other in others.items() if other is not None}


def _trainings(made: float, saved: float) -> int | None:
    """Trainings that save at least what condensing cost."""
    return max(1, math.ceil(made / saved)) if saved > 0 else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None

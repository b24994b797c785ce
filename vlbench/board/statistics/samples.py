"""From the records of one row to what its statistics rest on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from vlbench.board.columns import short_names
from vlbench.board.per_image import image_scores
from vlbench.board.statistics.intervals import Sample, estimate

if TYPE_CHECKING:
    from vlbench.board.per_image import Array
    from vlbench.records.record import FoundRecord, StudentScores, Summary

DISTILLATION_SEEDS, STUDENT_SEEDS = 3, 5
"""A row with fewer is provisional."""

CHANCE = "chance"
MEAN_RECALL = "mean"


def summaries(scores: StudentScores) -> dict[str, Summary]:
    """Scores of one student in one record, by column: ``TR@1`` ... ``IR@10``, ``mean``."""
    columns = _columns([(name, cut) for name, cuts in scores.directions.items() for cut in cuts])
    recalls = {column: scores.directions[name][cut] for (name, cut), column in columns.items()}
    return {**recalls, MEAN_RECALL: scores.mean_recall}


def _columns(keys: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """(direction, ``R@K``) -> column."""
    short = short_names(dict.fromkeys(name for name, _ in keys))
    return {(name, cut): short[name] + cut.removeprefix("R") for name, cut in keys}


def deterministic(runs: Sequence[FoundRecord]) -> bool:
    """Whether the distillation seed changes nothing: declared by the method, and so for full data."""
    return all(run.deterministic for run in runs)


def is_provisional(runs: Sequence[FoundRecord], student: str) -> bool:
    """Whether finished runs that differ in their seed are too few to be ranked."""
    if runs[0].method == CHANCE:
        return False
    seeds = [len(run.scores[student].mean_recall.seeds) for run in runs]
    return min(seeds) < STUDENT_SEEDS or (len(runs) < DISTILLATION_SEEDS and not deterministic(runs))


def samples(runs: Sequence[FoundRecord], student: str) -> dict[str, Sample]:
    """Column -> units of finished runs that differ in their seed, on the test images where ranks were stored.

    A unit is a run; where the seed changes nothing and there are fewer than three runs, a fresh student. Empty where
    there are not two units: one run of a method that draws says nothing about its next.

    Raises:
        DataError: ranks next to a record are damaged.
    """
    pooled = len(runs) < DISTILLATION_SEEDS and deterministic(runs)
    units: dict[str, list[float]] = {}
    for run in runs:
        for column, summary in summaries(run.scores[student]).items():
            units.setdefault(column, []).extend(summary.seeds if pooled else [summary.mean])
    if len(units[MEAN_RECALL]) < 2:
        return {}
    images = _images(runs, student, pooled=pooled)
    return {column: Sample(tuple(values), images.get(column)) for column, values in units.items()}


def _images(runs: Sequence[FoundRecord], student: str, *, pooled: bool) -> dict[str, Array]:
    """Column -> float64 [unit, image]; empty where one of the runs stored no ranks."""
    of_runs = [image_scores(run, student) for run in runs]
    if not all(of_runs) or len({values.shape[1] for of_run in of_runs for values in of_run.values()}) > 1:
        return {}
    import numpy

    columns = {
        column: numpy.concatenate([of_run[key] if pooled else of_run[key].mean(0)[None] for of_run in of_runs])
        for key, column in _columns(list(of_runs[0])).items()
    }
    return {**columns, MEAN_RECALL: numpy.mean(list(columns.values()), axis=0)}


def score_interval(sample: Sample | None) -> tuple[float, float] | None:
    """The 95 % interval of a score in percent; None without a sample."""
    if sample is None:
        return None
    found = estimate(sample)
    half = found.half_width()
    return max(found.value - half, 0.0), min(found.value + half, 100.0)

"""From the records of one row to what its statistics rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from vlbench.board.inference import Sample, estimate

Record = Mapping[str, Any]

DISTILLATION_SEEDS, STUDENT_SEEDS = 3, 5
"""A row with fewer is provisional."""

CHANCE = "chance"
RECALLS = "mean_recall"
MEAN_RECALL = "mean"
_SHORT = {"image_to_text": "TR", "text_to_image": "IR"}


def summaries(scores: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Scores of one student in one record, by column: ``TR@1`` ... ``IR@10``, ``mean``."""
    columns: dict[str, Mapping[str, Any]] = {}
    for direction, at in scores.items():
        if direction != RECALLS:
            short = _SHORT.get(direction, direction)
            columns |= {f"{short}{recall.removeprefix('R')}": summary for recall, summary in at.items()}
    order = {name: number for number, name in enumerate(_SHORT.values())}
    ordered = sorted(columns, key=lambda column: order.get(column.split("@")[0], len(order)))
    return {**{column: columns[column] for column in ordered}, MEAN_RECALL: scores[RECALLS]}


def deterministic(runs: Sequence[Record]) -> bool:
    """Whether the distillation seed changes nothing: declared by the method, and so for full data."""
    return all(run.get("deterministic", run["method"] == "full") for run in runs)


def is_provisional(runs: Sequence[Record], student: str) -> bool:
    """Whether finished runs that differ in their seed are too few to be ranked."""
    if runs[0]["method"] == CHANCE:
        return False
    seeds = [len(run["scores"][student][RECALLS]["seeds"]) for run in runs]
    return min(seeds) < STUDENT_SEEDS or (len(runs) < DISTILLATION_SEEDS and not deterministic(runs))


def samples(runs: Sequence[Record], student: str) -> dict[str, Sample]:
    """Column -> units of finished runs that differ in their seed.

    A unit is a run; where the seed changes nothing and there are fewer than three runs, a fresh student. Empty where
    there are not two units: one run of a method that draws says nothing about its next.
    """
    pooled = len(runs) < DISTILLATION_SEEDS and deterministic(runs)
    units: dict[str, list[float]] = {}
    for run in runs:
        for column, summary in summaries(run["scores"][student]).items():
            units.setdefault(column, []).extend(summary["seeds"] if pooled else [summary["mean"]])
    return {column: Sample(tuple(values)) for column, values in units.items() if len(values) > 1}


def interval(sample: Sample | None) -> tuple[float, float] | None:
    """The 95 % interval of a score in percent; None without a sample."""
    if sample is None:
        return None
    found = estimate(sample)
    half = found.half_width()
    return max(found.value - half, 0.0), min(found.value + half, 100.0)

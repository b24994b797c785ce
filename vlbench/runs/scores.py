"""From per-seed scores to what a record holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vlbench.evaluation.evaluate import Scores
from vlbench.evaluation.retrieval import chance, mean_recall
from vlbench.records.summary import summarise

if TYPE_CHECKING:
    from vlbench.runs.session import Session


def student_scores(runs: Sequence[Scores]) -> dict[str, Any]:
    """Per-seed recalls -> ``{direction: {cut: summary}, "mean_recall": summary}``, in percent."""
    directions = {
        direction: {cut: summarise([run[direction][cut] for run in runs]) for cut in cuts}
        for direction, cuts in runs[0].items()
    }
    return {**directions, "mean_recall": summarise([mean_recall(run) for run in runs])}


def chance_scores(work: Session) -> dict[str, Any]:
    """Scores of a model that ranks at random, for every student of the protocol; no seeds."""
    scored = work.scored
    expected = chance({side: scored.count(side) for side in work.dataset.sides}, scored.pairs)
    cell = {"sd": 0.0, "seeds": []}
    summary: dict[str, Any] = {
        direction: {cut: {"mean": value, **cell} for cut, value in cuts.items()} for direction, cuts in expected.items()
    }
    summary["mean_recall"] = {"mean": mean_recall(expected), **cell}
    return dict.fromkeys(work.students, summary)

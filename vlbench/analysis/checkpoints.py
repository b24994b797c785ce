"""What does picking the best test epoch buy? Students scored along their training, and the three ways to pick."""

from __future__ import annotations

from dataclasses import asdict
from statistics import fmean
from typing import Any

import torch
from msgspec import convert, to_builtins

from vlbench.analysis.finished import Finished, published_recipe
from vlbench.evaluation.evaluate import Evaluator
from vlbench.evaluation.retrieval import mean_recall
from vlbench.records.summary import summarise
from vlbench.seeds import SeedTree
from vlbench.students.student import Parameters
from vlbench.students.training import Recipe, TowerInputs, TrainingSet, train

EVALUATIONS = 10
"""Evaluations along a training beside the one before it: released scripts report the best of about eleven."""


def choose_checkpoints(run: Finished, *, every: int = 0, published: bool = False) -> dict[str, Any]:
    """Train a run's students again, scoring val and test every few steps.

    Args:
        run: whose artifact and seeds are used.
        every: steps between two evaluations; 0: a tenth of the training.
        published: train by the released scripts' recipe instead of the one that the run chose on val.

    Returns:
        mean recall in percent over student seeds, each with mean, sd and values: ``last`` step,
        ``val_chosen``, ``best_on_test``; ``bias``: best on test minus each of the two that may be ranked; the ``steps``
        and the mean ``curves`` on ``val`` and ``test``.
    """
    evaluator, student = run.evaluator(), run.session.protocol.reference
    data = run.data(evaluator)
    recipe = published_recipe(len(run.artifact)) if published else convert(run.record.chosen[student], Recipe)
    recipe = recipe.in_steps(data)
    every = every or max(1, recipe.steps // EVALUATIONS)
    count = run.session.protocol.training.seeds
    run.session.observer.phase("students, scored along the way", count, f"every {every} of {recipe.steps} steps")
    traces = []
    for index in range(count):
        traces.append(_trace(evaluator, data, recipe, every, run.seeds.child("student", index)))
        run.session.observer.advance()
    picked = {
        "last": [trace[-1]["test"] for trace in traces],
        "val_chosen": [max(trace, key=lambda at: at["val"])["test"] for trace in traces],
        "best_on_test": [max(at["test"] for at in trace) for trace in traces],
    }
    return {
        "student": student,
        "every": every,
        "recipe": asdict(recipe),
        **{name: to_builtins(summarise(values)) for name, values in picked.items()},
        "bias": {name: fmean(picked["best_on_test"]) - fmean(picked[name]) for name in ("last", "val_chosen")},
        "steps": [at["step"] for at in traces[0]],
        "curves": {split: [fmean(values) for values in _columns(traces, split)] for split in ("val", "test")},
    }


Trace = list[dict[str, float]]


def _trace(evaluator: Evaluator, data: TrainingSet, recipe: Recipe, every: int, seeds: SeedTree) -> Trace:
    """Mean recall on val and test before training, every few steps, and after the last."""
    trace: Trace = []

    def score(step: int, parameters: Parameters) -> None:
        values = {
            split: mean_recall(evaluator.score(parameters, evaluator.tower_inputs[split])) for split in ("val", "test")
        }
        trace.append({"step": step, **values})

    def observe(step: int, _positions: torch.Tensor, _inputs: TowerInputs, parameters: Parameters) -> None:
        if step % every == 0:
            score(step, parameters)

    end = train(evaluator.student, data, recipe, seeds, observe=observe)
    score(recipe.steps, end)
    return trace


def _columns(traces: list[Trace], split: str) -> list[list[float]]:
    return [[at[split] for at in column] for column in zip(*traces, strict=True)]

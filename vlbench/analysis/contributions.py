"""Where a gain comes from: each part of a distilled set alone, the other parts as they were at the start."""

from __future__ import annotations

import torch
from torch import Tensor

from vlbench.analysis.finished import Finished, scored
from vlbench.artifacts.artifact import DistilledPairs
from vlbench.artifacts.soft_targets import Targets
from vlbench.errors import DataError
from vlbench.evaluation.evaluate import Evaluator
from vlbench.records.record import StudentScores
from vlbench.students.student import Student
from vlbench.students.training import TrainingSet
from vlbench.students.training_sets import training_set


def contributions(run: Finished) -> dict[str, StudentScores]:
    """Score the start, each learned part alone, and all of it, each with its own recipe chosen on val.

    Returns:
        part -> scores as a record holds them; parts: ``start``, ``<side> only`` for each side, ``all``; where there are
        soft targets also ``targets only`` and ``targets off``, both sides as learned without them.

    Raises:
        DataError: the artifact was not learned, or names no start.
    """
    artifact = run.artifact
    if not isinstance(artifact, DistilledPairs) or artifact.start is None:
        raise DataError(
            f"{run.record.id}: contributions are told apart against the real pairs that learning started from; "
            "this artifact has none. Choose a run of a method that learns from real pairs."
        )
    evaluator = run.evaluator()
    training = run.session.protocol.training
    sets = parts(artifact, evaluator)
    run.session.observer.phase("parts", len(sets) * (len(training.grid) + training.seeds), ", ".join(sets))
    return {
        name: scored(
            evaluator, data, training.grid, run.seeds, count=training.seeds, advance=run.session.observer.advance
        )
        for name, data in sets.items()
    }


def parts(artifact: DistilledPairs, evaluator: Evaluator) -> dict[str, TrainingSet]:
    """Part -> what a student trains on: pair i is pair i of the start, with the learned value of some parts."""
    student, soft = evaluator.student, artifact.targets
    assert artifact.start is not None
    start = training_set(artifact.start, student, evaluator.tower_inputs["train"])
    real = start.tower_inputs(torch.arange(len(artifact)))
    learned = training_set(artifact, student, evaluator.tower_inputs["train"]).tower_inputs(torch.arange(len(artifact)))
    mixed: dict[str, tuple[dict[str, Tensor], Targets | None]] = {"start": (real, None)}
    mixed |= {f"{side} only": ({**real, side: learned[side]}, None) for side in student.sides}
    if soft is not None:
        mixed |= {"targets only": (real, soft), "targets off": (learned, None)}
    mixed["all"] = (learned, soft)
    return {name: _fixed(tower_inputs, targets, student) for name, (tower_inputs, targets) in mixed.items()}


def _fixed(tower_inputs: dict[str, Tensor], targets: Targets | None, student: Student) -> TrainingSet:
    count = len(next(iter(tower_inputs.values())))
    return TrainingSet(
        lambda side, index: tower_inputs[side][index.to(student.device)],
        torch.arange(count)[:, None].expand(-1, 2),
        student.sides,
        targets=targets.to(student.device) if targets is not None else None,
    )

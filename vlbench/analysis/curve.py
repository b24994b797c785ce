"""What a score is worth: how many random real pairs train a student to the same score."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from vlbench.artifacts.artifact import Selection
from vlbench.cache import Key
from vlbench.evaluation.retrieval import mean_recall
from vlbench.records.curve import KIND, Curve
from vlbench.runs.session import Session
from vlbench.seeds import SeedTree
from vlbench.students.training_sets import one_of_each_item, training_set

SIZES, SMALLEST = 20, 10


def sizes_up_to(most: int, count: int = SIZES, least: int = SMALLEST) -> tuple[int, ...]:
    """About ``count`` sizes, evenly on a log scale, from ``least`` to ``most``."""
    return tuple(sorted({round(size) for size in np.geomspace(min(least, most), most, count)}))


def learning_curve(session: Session, *, seeds: int = 3, count: int = SIZES) -> Curve:
    """Train students of random pairs at every size; each is stored in the cache, so that a stopped curve goes on.

    A seed's smaller sets lie within its larger ones. Every student's recipe is chosen on val from the suite's grid, and
    the score is that of the split on which rows are scored.

    Args:
        session: of the suite.
        seeds: draws of pairs, with a student each.
        count: of sizes.
    """
    train = session.dataset.split("train")
    orders = [_order(train.pairs, SeedTree(seed).child("curve")) for seed in range(seeds)]
    sizes = sizes_up_to(len(orders[0]), count)
    session.observer.phase("learning curve", len(sizes) * seeds, session.protocol.name)
    points = []
    for size in sizes:
        points.append([_score(session, order[:size], seed) for seed, order in enumerate(orders)])
        session.observer.advance(seeds, f"{size} pairs: {_mean(points[-1], 'mean_recall'):.1f}")
    session.observer.done()
    scores = tuple(tuple(float(point["mean_recall"]) for point in same) for same in points)
    seconds = tuple(_mean(same, "train_s") for same in points)
    _store(session, Curve(sizes, scores, seconds), seeds)
    return Curve(sizes, scores, () if any(map(math.isnan, seconds)) else seconds)


def _mean(points: Sequence[Mapping[str, torch.Tensor]], name: str) -> float:
    """Over seeds; of seconds nan where version 0.1 stored a point without them."""
    return float(np.mean([float(point.get(name, math.nan)) for point in points]))


def _store(session: Session, curve: Curve, seeds: int) -> None:
    """The whole curve, for boards."""
    whole = {"sizes": curve.sizes, "scores": curve.scores, "train_s": curve.train_s}
    reference = session.protocol.reference
    asked = {"protocol": session.protocol.hash, "data": session.dataset.fingerprint, "student": reference}
    key: Key = {**asked, "seeds": seeds, "sizes": len(curve.sizes)}
    session.cache.get(KIND, key, lambda: {name: torch.tensor(value).double() for name, value in whole.items()})


def _order(pairs: torch.Tensor, seeds: SeedTree) -> torch.Tensor:
    """Train pairs in a drawn order, one drawn pair of each first-side item."""
    candidates = one_of_each_item(pairs, seeds.generator("candidates"))
    return candidates[torch.randperm(len(candidates), generator=seeds.generator("order"))]


def _score(session: Session, chosen: torch.Tensor, seed: int) -> dict[str, torch.Tensor]:
    """Mean recall of one student of the reference, in percent, and the seconds that the protocol's training takes."""
    asked = {"protocol": session.protocol.hash, "data": session.dataset.fingerprint}
    key: Key = {**asked, "pairs": len(chosen), "seed": seed}

    def compute() -> dict[str, torch.Tensor]:
        evaluator = session.evaluator(session.protocol.reference)
        selection = Selection(chosen, session.dataset.fingerprint)
        data = training_set(selection, evaluator.student, evaluator.tower_inputs["train"])
        begun, scoring = time.perf_counter(), evaluator.score_s
        outcome = evaluator.outcome(data, SeedTree(seed).child("curve score"), 1, lambda: None)
        train_s = time.perf_counter() - begun - (evaluator.score_s - scoring)
        found = {"mean_recall": mean_recall(outcome.runs[0]), "train_s": train_s * _as_in_rows(session)}
        return {name: torch.tensor(value, dtype=torch.float64) for name, value in found.items()}

    return session.cache.get("curve", key, compute)


def _as_in_rows(session: Session) -> float:
    """Trainings of a row, which has several students, for one of a point, where all take as long."""
    training = session.protocol.training
    return (len(training.grid) + training.seeds) / (len(training.grid) + 1)

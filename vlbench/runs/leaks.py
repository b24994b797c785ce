"""Are made pairs nearer to test items than real train items are? A flag and the nearest ones, not a verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from vlbench.artifacts.artifact import ITEMS, DistilledPairs, Selection
from vlbench.errors import DataError
from vlbench.students.training_sets import training_set

if TYPE_CHECKING:
    from vlbench.artifacts.artifact import Artifact
    from vlbench.evaluation.evaluate import Evaluator
    from vlbench.runs.session import Session

NEAR = 0.99
"""A pair is *near* where it is nearer to a test item than this share of train pairs are."""
ALARM = 0.001
"""Chance, under the train pairs' distribution, below which so many near pairs are flagged."""
SHOWN = 12
LARGE = 500_000_000
"""Pixel values of a test split that are compared at once."""


@dataclass(frozen=True)
class Nearest:
    """Similarity of each item to its nearest test item, and which that is: float32 [item], int64 [item]."""

    similarity: np.ndarray
    item: np.ndarray


def audit(artifact: Artifact, session: Session, *, most: int | None = None) -> dict[str, Any]:
    """Nearest test image and caption of every pair, against the same for the train pairs of the same form.

    Similarities are cosines: of pixels around their train mean, and of the frozen encoders' standardised features. A
    text vector that started as a mean of captions is compared with mean captions of train images.

    Args:
        artifact: of learned pairs.
        session: protocol, data and students.
        most: train items that are compared with; all if None. Pictures of which that many are too large to compare in
            memory at once are then left to their features.

    Returns:
        look (``image pixels``, ``image features``, ``text features``) -> ``near`` (pairs nearer than 99 % of train
        pairs), ``expected`` (1 % of the pairs), ``p_value`` (of at least so many, binomial), ``flag``, ``quantiles`` of
        the pairs' and the train pairs' similarities, and the ``nearest`` pairs: position, test item, similarity, and
        share of train pairs that are at least as near.

    Raises:
        DataError: the artifact holds real pairs, or the student trains its encoders.
    """
    if not isinstance(artifact, DistilledPairs):
        raise DataError("the artifact holds real train pairs: there is nothing made that could resemble test.")
    looks = {**_pixel_looks(artifact, session, most), **_feature_looks(artifact, session, most)}
    return {name: _compare(*look) for name, look in looks.items()}


Look = tuple[Nearest, Nearest]
"""Of the pairs, and of train pairs."""


def _pixel_looks(artifact: DistilledPairs, session: Session, most: int | None) -> dict[str, Look]:
    dataset = session.dataset
    assert isinstance(artifact, DistilledPairs)
    looks = {}
    for side in dataset.sides:
        items = dataset.split("train").items[side]
        if artifact.spaces[side] != ITEMS or not isinstance(items, Tensor):
            continue
        if most is not None and items[:1].numel() * dataset.split("test").count(side) > LARGE:
            continue
        centre = items[:: max(1, len(items) // 2000)].float().mean(0).flatten()
        test = _unit(dataset.split("test").items[side], centre)
        looks[f"{side} pixels"] = (
            nearest_test_items(_unit(artifact.sides[side], centre), test),
            nearest_test_items(_unit(_sample(items, most), centre), test),
        )  # fmt: skip
    return looks


def _feature_looks(artifact: DistilledPairs, session: Session, most: int | None) -> dict[str, Look]:
    evaluator = _evaluator(session)
    student = evaluator.student
    assert isinstance(artifact, DistilledPairs)
    made = training_set(artifact, student, evaluator.tower_inputs["train"])
    looks = {}
    for side in student.sides:
        if not student.towers[side].frozen:
            continue
        test = F.normalize(
            evaluator.tower_inputs["test"].take(side, torch.arange(evaluator.tower_inputs["test"].counts[side]))
        )
        ours = F.normalize(made.tower_inputs(torch.arange(len(artifact)))[side])
        averaged = artifact.start is not None and side in artifact.start.mean_sides
        real = _sample(_mean_captions(session, side) if averaged else _all(session, side), most)
        looks[f"{side} features"] = (
            nearest_test_items(ours.cpu(), test.cpu()),
            nearest_test_items(F.normalize(real).cpu(), test.cpu()),
        )
    return looks


def _sample(items: Tensor, most: int | None) -> Tensor:
    """At most about so many of the items, evenly spread."""
    return items if most is None else items[:: max(1, -(-len(items) // most))]


def _evaluator(session: Session) -> Evaluator:
    return session.evaluator(session.protocol.reference)


def _all(session: Session, side: str) -> Tensor:
    tower_inputs = _evaluator(session).tower_inputs["train"]
    return tower_inputs.take(side, torch.arange(tower_inputs.counts[side]))


def _mean_captions(session: Session, side: str) -> Tensor:
    """Mean vector of every train item of the other side [item, width]."""
    evaluator, split = _evaluator(session), session.dataset.split("train")
    order = torch.argsort(split.pairs[:, 0], stable=True)
    first = torch.ones(len(order), dtype=torch.bool)
    items = split.pairs[order, 0]
    first[1:] = items[1:] != items[:-1]
    data = training_set(
        Selection(order[first], session.dataset.fingerprint, (side,)),
        evaluator.student,
        evaluator.tower_inputs["train"],
    )
    return data.take(side, data.pairs[:, session.dataset.sides.index(side)])


def _unit(items: Tensor, centre: Tensor) -> Tensor:
    return torch.cat([F.normalize(part.float().flatten(1) - centre) for part in items.split(1024)])


def nearest_test_items(queries: Tensor, test: Tensor) -> Nearest:
    """The test item with the highest cosine to each query; both float32 [item, dim] of unit length."""
    index = faiss.IndexFlatIP(test.shape[1])
    index.add(np.ascontiguousarray(test.numpy()))
    similarity, item = index.search(np.ascontiguousarray(queries.numpy()), 1)
    return Nearest(similarity[:, 0], item[:, 0])


def _compare(ours: Nearest, train: Nearest) -> dict[str, Any]:
    from scipy.stats import binom

    bar = float(np.quantile(train.similarity, NEAR))
    near = int((ours.similarity > bar).sum())
    p_value = float(binom.sf(near - 1, len(ours.similarity), 1 - NEAR))
    order = np.argsort(-ours.similarity, kind="stable")[:SHOWN]
    return {
        "near": near,
        "expected": (1 - NEAR) * len(ours.similarity),
        "p_value": p_value,
        "flag": p_value < ALARM,
        "quantiles": {
            name: [round(float(value), 4) for value in np.quantile(found.similarity, (0, 0.25, 0.5, 0.75, 1))]
            for name, found in (("pairs", ours), ("train", train))
        },
        "nearest": [
            {
                "pair": int(at),
                "test_item": int(ours.item[at]),
                "similarity": round(float(ours.similarity[at]), 4),
                "train_share": round(float((train.similarity >= ours.similarity[at]).mean()), 5),
            }
            for at in order
        ],
    }

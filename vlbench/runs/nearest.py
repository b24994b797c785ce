"""What a distilled set comes to in train items: its texts as the nearest captions, its pairs as the nearest real ones.

``readable`` has the learned pictures with the nearest train captions: what a text export holds. ``nearest-real`` has
the nearest real pair for each learned one: what is left where nothing learned may be kept. Both are scored as any other
row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from vlbench.artifacts.artifact import ITEMS, Artifact, DistilledPairs, Selection
from vlbench.artifacts.coded_size import artifact_bytes
from vlbench.protocol.protocol import NEAREST_REAL, READABLE
from vlbench.records.record import Cost, StartRecord
from vlbench.runs.preview import nearest_items
from vlbench.runs.scoring import score
from vlbench.students.build import encode
from vlbench.students.training_sets import side_inputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlbench.runs.session import Session

BLOCK = 64
"""Learned pairs that are compared with all real ones at a time."""


def readable(session: Session, artifact: DistilledPairs) -> DistilledPairs | None:
    """The artifact with each learned text vector replaced by that of the nearest train text.

    Soft targets and step sizes are left out, as no text holds them. None where no text is learned as a vector.
    """
    evaluator, items = session.evaluator(session.protocol.reference), session.dataset.split("train").items
    sides = dict(artifact.sides)
    for side in _learned_texts(session, artifact):
        tower = evaluator.student.towers[side]
        found, _ = nearest_items(side_inputs(artifact, tower), evaluator.tower_inputs["train"], side)
        sides[side] = session.builder.features(tower.encoder, "train", side)[found.cpu()]
    if all(sides[side] is artifact.sides[side] for side in items):
        return None
    scales = {side: of_side for side, of_side in artifact.scales.items() if sides[side] is artifact.sides[side]}
    return DistilledPairs(sides, artifact.spaces, artifact.fingerprint, scales=scales)


def _learned_texts(session: Session, artifact: DistilledPairs) -> list[str]:
    items = session.dataset.split("train").items
    return [side for side, of_side in items.items() if isinstance(of_side, list) and artifact.spaces[side] != ITEMS]


@torch.no_grad()
def nearest_real(session: Session, artifact: DistilledPairs) -> Selection | None:
    """The train pair nearest to each learned one: by the sum of both sides' cosines, in the reference encoders' spaces.

    Pairs take theirs in their order, each real pair once. None where there are fewer real pairs than learned ones.
    """
    pairs = session.dataset.split("train").pairs
    if len(artifact) > len(pairs):
        return None
    cosines = [_cosines(session, artifact, side) for side in session.dataset.sides]
    free = torch.ones(len(pairs), dtype=torch.bool)
    chosen = []
    for part in torch.arange(len(artifact)).split(BLOCK):
        similar = sum(of_side(part)[:, pairs[:, column]] for column, of_side in enumerate(cosines))
        assert isinstance(similar, Tensor)
        for row in similar:
            chosen.append(int(row.masked_fill(~free, -torch.inf).argmax()))
            free[chosen[-1]] = False
    return Selection(torch.tensor(chosen), artifact.fingerprint)


def _cosines(session: Session, artifact: DistilledPairs, side: str) -> Callable[[Tensor], Tensor]:
    """From positions [n] in the artifact to the cosines [n, item] of a side with all train items."""
    tower = session.evaluator(session.protocol.reference).student.towers[side]
    values, features = artifact.values(side), session.builder.features(tower.encoder, "train", side)
    learned = encode(tower.encoder, values, session.device) if artifact.spaces[side] == ITEMS else values.float()
    standardise = _unit(tower.standardise.mean, tower.standardise.scale)
    made, real = standardise(learned), standardise(features)
    return lambda at: made[at] @ real.T


def _unit(mean: Tensor, scale: Tensor) -> Callable[[Tensor], Tensor]:
    """Standardised unit vectors on the CPU, where features of all items are."""
    mean, scale = mean.cpu(), scale.cpu()
    return lambda features: F.normalize((features - mean) / scale, dim=-1)


MADE: dict[str, Callable[[Session, DistilledPairs], Artifact | None]] = {READABLE: readable, NEAREST_REAL: nearest_real}


def missing_nearest(session: Session, artifact: Artifact, there: Sequence[str]) -> list[str]:
    """Rows that the protocol shows beside an artifact, can be made of it, and are not there."""
    if not isinstance(artifact, DistilledPairs):
        return []
    able = {READABLE: bool(_learned_texts(session, artifact)), NEAREST_REAL: True}
    return [name for name in session.protocol.rows.nearest if name not in there and able[name]]


def score_nearest(
    session: Session, artifact: Artifact, seed: int, names: Sequence[str], *, students: Sequence[str] | None = None
) -> dict[str, StartRecord]:
    """Scores of what is near an artifact, by the name of the row; see :func:`vlbench.runs.scoring.score`."""
    found: dict[str, StartRecord] = {}
    for name in names:
        assert isinstance(artifact, DistilledPairs)
        made = MADE[name](session, artifact)
        if made is not None:
            scored = score(session, made, seed, label=name, students=students)
            size = artifact_bytes(made, session.dataset.split("train")) if isinstance(made, Selection) else None
            cost = Cost(pairs=len(made), bytes=size, train_s=scored.train_s, score_s=scored.score_s)
            found[name] = StartRecord(scores=scored.scores, chosen=scored.chosen, cost=cost)
    return found

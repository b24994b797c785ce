"""From an artifact to what a student trains on."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from vlbench.artifacts.artifact import ITEMS, Artifact, DistilledPairs, Selection
from vlbench.errors import ArtifactError
from vlbench.students.build import CHUNK, TowerInputs
from vlbench.students.student import Student, Tower
from vlbench.students.training import TrainingSet
from vlbench.transfer import on_device


def full_selection(pairs: Tensor, fingerprint: str) -> Selection:
    """All train pairs."""
    return Selection(torch.arange(len(pairs)), fingerprint)


def one_of_each_item(pairs: Tensor, generator: torch.Generator) -> Tensor:
    """Positions of pairs int64 [item]: one drawn pair of each first-side item of pairs int64 [pair, 2]."""
    shuffled = torch.randperm(len(pairs), generator=generator)
    order = shuffled[torch.argsort(pairs[shuffled, 0], stable=True)]
    items = pairs[order, 0]
    first = torch.ones(len(items), dtype=torch.bool)
    first[1:] = items[1:] != items[:-1]
    return order[first]


def training_set(artifact: Artifact, student: Student, train: TowerInputs) -> TrainingSet:
    """What a student trains on, for any artifact.

    Raises:
        ArtifactError: vectors of one encoder's space meet a student with another encoder.
        ProtocolError: vectors meet a student that trains the encoder they would bypass.
    """
    if isinstance(artifact, DistilledPairs):
        return _distilled(artifact, student)
    pairs = train.pairs[artifact.indices]
    takers: dict[str, Callable[[Tensor], Tensor]] = {}
    for column, side in enumerate(student.sides):
        if side in artifact.mean_sides:
            means = _mean_inputs(artifact, train, side=side, column=column)
            takers[side] = lambda index, means=means: means.index_select(0, on_device(index, means.device))  # type: ignore[misc]
            pairs = pairs.clone()
            pairs[:, column] = torch.arange(len(pairs))
        else:
            takers[side] = lambda index, side=side: train.take(side, index)  # type: ignore[misc]
    live = {side: taker for side, taker in train.live.items() if side not in artifact.mean_sides}
    return TrainingSet(lambda side, index: takers[side](index), pairs, student.sides, live=live)


@torch.no_grad()
def _mean_inputs(artifact: Selection, train: TowerInputs, *, side: str, column: int) -> Tensor:
    """[pair, width]: mean entry of all items of a side that belong to the other item of each selected pair."""
    other = train.pairs[:, 1 - column]
    chosen = train.pairs[artifact.indices, 1 - column]
    rows = torch.full((int(other.max()) + 1,), -1, dtype=torch.long)
    rows[chosen] = torch.arange(len(chosen))
    members = (rows[other] >= 0).nonzero()[:, 0]
    tower_inputs = train.take(side, train.pairs[members, column])
    if not tower_inputs.is_floating_point():
        raise ArtifactError(f"the {side} encoder is trained here: {side} items have no mean vector. Use captions=one.")
    sums = torch.zeros(len(chosen), *tower_inputs.shape[1:], device=tower_inputs.device)
    target = rows[other[members]].to(tower_inputs.device)
    sums.index_add_(0, target, tower_inputs)
    counts = torch.bincount(target, minlength=len(chosen)).clamp_min(1)
    means = sums / counts.view(-1, *[1] * (sums.ndim - 1))
    return means[rows[chosen].to(means.device)]


def _distilled(artifact: DistilledPairs, student: Student) -> TrainingSet:
    tower_inputs = {side: side_inputs(artifact, student.towers[side]).to(student.device) for side in student.sides}
    pairs = torch.arange(len(artifact))[:, None].expand(-1, 2)
    return TrainingSet(
        lambda side, index: tower_inputs[side].index_select(0, on_device(index, student.device)),
        pairs,
        student.sides,
        rates=artifact.rates,
        targets=artifact.targets.to(student.device) if artifact.targets is not None else None,
    )


@torch.no_grad()
def side_inputs(artifact: DistilledPairs, tower: Tower) -> Tensor:
    """Entries [pair, ...] of one side of distilled pairs."""
    stored, space = artifact.values(tower.side), artifact.spaces[tower.side]
    device = tower.standardise.mean.device
    if space == ITEMS:
        chunks = [tower.encode_frozen(tower.encoder.inputs(part).to(device)) for part in stored.split(CHUNK)]
        return torch.cat(chunks)
    if space != tower.space:
        raise ArtifactError(
            f"the artifact's {tower.side} vectors live in {space!r}, this student's encoder gives {tower.space!r}. "
            "Score it with a student that has the same encoder on that side."
        )
    return tower.from_features(stored.to(device))

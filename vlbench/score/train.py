"""Train a student on pairs: SGD with momentum and weight decay under a cosine or constant schedule."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vlbench.errors import DivergedError, ProtocolError

if TYPE_CHECKING:
    from vlbench.seeds import SeedTree
    from vlbench.towers.student import Parameters, Student

Entries = dict[str, Tensor]


@dataclass(frozen=True)
class Recipe:
    """How a student is trained.

    Attributes:
        steps: updates.
        batch: pairs in an update, or all pairs where there are fewer.
        rate: initial learning rate of every branch.
        weight_decay: times the parameters is added to their gradient.
        momentum: of SGD.
        schedule: ``cosine`` to 0 over the steps, or ``constant``.
        noise: standard deviation of Gaussian noise added to standardised features of frozen encoders.
    """

    steps: int
    batch: int
    rate: float
    weight_decay: float = 0.0
    momentum: float = 0.9
    schedule: str = "cosine"
    noise: float = 0.0

    def __post_init__(self) -> None:
        if self.schedule not in ("cosine", "constant"):
            raise ProtocolError(f"schedule {self.schedule!r} is not allowed. Allowed: cosine, constant.")
        if self.steps < 0 or self.batch < 1:
            raise ProtocolError(
                f"steps = {self.steps}, batch = {self.batch}: steps are at least 0, a batch at least 1."
            )

    def rate_at(self, step: int) -> float:
        """Learning rate of an update, counted from 0."""
        return self.rate if self.schedule == "constant" else self.rate * (1 + math.cos(math.pi * step / self.steps)) / 2


class TrainingSet:
    """Pairs in the form a student trains on.

    Args:
        take: side, positions [n] -> entries [n, ...].
        pairs: int64 [pair, 2], positions on the first and second side.
        sides: both side names.

    A batch never holds two pairs of one first-side item (two captions of one image would count as negatives of each
    other); which of an item's pairs is used is drawn each time.
    """

    def __init__(self, take: Callable[[str, Tensor], Tensor], pairs: Tensor, sides: tuple[str, str]) -> None:
        self.take, self.pairs, self.sides = take, pairs, sides
        order = torch.argsort(pairs[:, 0], stable=True)
        _, counts = torch.unique_consecutive(pairs[order, 0], return_counts=True)
        self._order, self._counts = order, counts
        self._starts = torch.cumsum(counts, 0) - counts

    def __len__(self) -> int:
        return len(self._counts)

    def positions(self, step: int, batch: int, seeds: SeedTree) -> Tensor:
        """Positions in ``pairs`` of batch number ``step`` [min(batch, items)]: a pass over all items, reshuffled."""
        count = len(self)
        batch = min(batch, count)
        per_pass = count // batch
        order = torch.randperm(count, generator=seeds.generator("pass", step // per_pass))
        at = step % per_pass * batch
        return self._draw(order[at : at + batch], seeds, step)

    def _draw(self, groups: Tensor, seeds: SeedTree, step: int) -> Tensor:
        counts = self._counts[groups]
        offset = torch.zeros(len(groups), dtype=torch.long)
        if int(counts.max()) > 1:
            draw = torch.rand(len(groups), generator=seeds.generator("member", step))
            offset = (draw * counts).long()
        return self._order[self._starts[groups] + offset]

    def entries(self, positions: Tensor) -> Entries:
        """Entries of both sides at some positions of ``pairs``."""
        return {side: self.take(side, self.pairs[positions, column]) for column, side in enumerate(self.sides)}


Observe = Callable[[int, Tensor, Entries, "Parameters"], None]
"""Called before each update with: step, positions of the batch, its entries, parameters."""


def train(
    student: Student, data: TrainingSet, recipe: Recipe, seeds: SeedTree, *, observe: Observe | None = None
) -> Parameters:
    """Train from a fresh start to the last step.

    Args:
        student: what is trained.
        data: on what.
        recipe: how.
        seeds: initial head, order, noise; the same seeds give the same parameters on the CPU.
        observe: sees every batch before its update.

    Raises:
        DivergedError: a parameter is not finite at the end.
    """
    parameters = student.start(seeds.child("start"))
    velocity = {name: torch.zeros_like(flat) for name, flat in parameters.items()}
    for step in range(recipe.steps):
        positions = data.positions(step, recipe.batch, seeds)
        entries = data.entries(positions)
        if observe is not None:
            observe(step, positions, entries, parameters)
        entries = _add_noise(student, entries, recipe.noise, seeds, step)
        with student.training(seeds.integer("dropout", step)):
            gradient, _ = student.gradient(entries, parameters)
        rate = recipe.rate_at(step)
        for name, flat in parameters.items():
            velocity[name].mul_(recipe.momentum).add_(gradient[name]).add_(flat, alpha=recipe.weight_decay)
            flat.sub_(velocity[name], alpha=rate)
    if not all(bool(flat.isfinite().all()) for flat in parameters.values()):
        raise DivergedError(
            f"training diverged: a parameter is not finite after {recipe.steps} steps at rate {recipe.rate}."
        )
    return parameters


def _add_noise(student: Student, entries: Entries, scale: float, seeds: SeedTree, step: int) -> Entries:
    if scale == 0:
        return entries
    noisy = {}
    for index, (side, values) in enumerate(entries.items()):
        if student.towers[side].frozen:
            generator = seeds.generator("noise", step * len(entries) + index)
            values = values + scale * torch.randn(values.shape, generator=generator).to(values.device)
        noisy[side] = values
    return noisy

"""Train a student on pairs: SGD with momentum and weight decay under a cosine or constant schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vlbench.errors import DivergedError, NotFiniteError, ProtocolError
from vlbench.finite import is_finite, which_not_finite
from vlbench.students.ahead import one_ahead
from vlbench.threads import one_thread
from vlbench.transfer import on_device

if TYPE_CHECKING:
    from vlbench.artifacts.soft_targets import Targets
    from vlbench.seeds import SeedTree
    from vlbench.students.student import Parameters, Student

TowerInputs = dict[str, Tensor]

_CHECKED = 512
"""Pairs that are looked at together."""


@dataclass(frozen=True)
class Recipe:
    """How a student is trained.

    Attributes:
        steps: updates.
        batch: pairs in an update, or all pairs where there are fewer.
        learning_rate: initial learning rate of every branch.
        weight_decay: times the parameters is added to their gradient.
        momentum: of SGD.
        schedule: ``cosine`` to 0 over the steps, ``constant``, or ``step``: a tenth of the rate in the second half.
        noise: standard deviation of Gaussian noise added to standardised features of frozen encoders.
        epochs: passes, in place of ``steps``, which is 0 then.
        epoch_over: what a pass goes over. ``items``: all first-side items, each with one drawn pair of its own,
            batches of full size only. ``pairs``: all pairs, and the last batch of a pass may be smaller.
        learned_rates: what becomes of step sizes that an artifact brings, as learned by its method: ``ignore``;
            ``own``, each branch takes its own in place of ``learning_rate``; ``first``, all take that of the first.
        augment: of pixels that a trained encoder reads: ``none`` or ``randaugment``, see :mod:`vlbench.data.augment`.
        max_grad_norm: largest norm of the gradient of all branches together; a larger one is shortened. 0: none.

    Raises:
        vlbench.errors.ProtocolError: an unknown schedule, or steps or batch too small.

    Examples:
        >>> import vlbench
        >>> recipe = vlbench.students.Recipe(steps=100, batch=20, learning_rate=0.1)
        >>> recipe.schedule, recipe.momentum
        ('cosine', 0.9)
        >>> vlbench.students.Recipe(steps=100, batch=0, learning_rate=0.1)
        Traceback (most recent call last):
        vlbench.errors.ProtocolError: steps = 100, epochs = 0, batch = 0: ...
    """

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float = 0.0
    momentum: float = 0.9
    schedule: str = "cosine"
    noise: float = 0.0
    epochs: int = 0
    epoch_over: str = "items"
    learned_rates: str = "ignore"
    augment: str = "none"
    max_grad_norm: float = 0.0

    def __post_init__(self) -> None:
        for field, allowed in _CHOICES.items():
            if getattr(self, field) not in allowed:
                raise ProtocolError(f"{field} {getattr(self, field)!r} is not allowed. Allowed: {', '.join(allowed)}.")
        if min(self.steps, self.epochs) < 0 or self.batch < 1:
            raise ProtocolError(
                f"steps = {self.steps}, epochs = {self.epochs}, batch = {self.batch}: steps and epochs are at least 0, "
                f"a batch at least 1."
            )
        if self.max_grad_norm < 0:
            raise ProtocolError(f"max_grad_norm = {self.max_grad_norm}: it is above 0, or 0 for none.")
        if self.steps and self.epochs:
            raise ProtocolError(f"steps = {self.steps} and epochs = {self.epochs}: give one of the two.")

    def length(self, data: TrainingSet) -> int:
        """Updates on a training set."""
        return self.steps or self.epochs * data.per_pass(self.batch, self.epoch_over)

    def in_steps(self, data: TrainingSet) -> Recipe:
        """The same training of a training set, with its length in steps."""
        return replace(self, steps=self.length(data), epochs=0)

    def schedule_factor(self, step: int, length: int) -> float:
        """Factor on the learning rate in an update, counted from 0, of ``length``."""
        if self.schedule == "cosine":
            return (1 + math.cos(math.pi * step / length)) / 2
        return 0.1 if self.schedule == "step" and step >= length / 2 else 1.0


_CHOICES = {
    "schedule": ("cosine", "constant", "step"),
    "epoch_over": ("items", "pairs"),
    "learned_rates": ("ignore", "own", "first"),
    "augment": ("none", "randaugment"),
}


class TrainingSet:
    """Pairs in the form a student trains on.

    Args:
        take: side, positions [n] -> tower_inputs [n, ...].
        pairs: int64 [pair, 2], positions on the first and second side.
        sides: both side names.
        live: sides whose tower_inputs are computed anew in every batch, as with dropout in a frozen encoder: side ->
            (positions [n], seed) -> tower_inputs [n, ...].
        rates: branch -> step size that the pairs bring, as learned with them; see :attr:`Recipe.learned_rates`.
        targets: of the pairs, in their order; None: a pair's items match each other alone.

    Unless the recipe passes over pairs, a batch never holds two pairs of one first-side item (two captions of one image
    would count as negatives of each other); which of an item's pairs is used is drawn each time.

    Examples:
        >>> import torch, vlbench
        >>> features = {"image": torch.randn(2, 4), "text": torch.randn(3, 4)}
        >>> pairs = torch.tensor([[0, 0], [0, 1], [1, 2]])  # two captions of the first image
        >>> data = vlbench.students.TrainingSet(lambda side, at: features[side][at], pairs, ("image", "text"))
        >>> batch = data.tower_inputs(data.positions(0, 20, vlbench.SeedTree(0)))
        >>> len(data), batch["text"].shape  # two images, so two pairs in a batch
        (2, torch.Size([2, 4]))
    """

    def __init__(
        self,
        take: Callable[[str, Tensor], Tensor],
        pairs: Tensor,
        sides: tuple[str, str],
        *,
        live: Mapping[str, Callable[[Tensor, int], Tensor]] | None = None,
        rates: Mapping[str, float] | None = None,
        targets: Targets | None = None,
    ) -> None:
        self.take, self.pairs, self.sides = take, pairs, sides
        self.live, self.rates, self._targets = live or {}, rates or {}, targets
        order = torch.argsort(pairs[:, 0], stable=True)
        _, counts = torch.unique_consecutive(pairs[order, 0], return_counts=True)
        self._order, self._counts = order, counts
        self._starts = torch.cumsum(counts, 0) - counts
        self._one_each = len(counts) == len(pairs)
        # Shuffling a million items takes longer than a step: once a pass, for as many students as train side by side.
        self._shuffled = lru_cache(maxsize=8)(_shuffled)

    def __len__(self) -> int:
        return len(self._counts)

    def per_pass(self, batch: int, epoch_over: str = "items") -> int:
        """Batches in a pass over all items, or over all pairs."""
        return -(-len(self.pairs) // batch) if epoch_over == "pairs" else max(1, len(self) // batch)

    def positions(self, step: int, batch: int, seeds: SeedTree, *, epoch_over: str = "items") -> Tensor:
        """Positions in ``pairs`` of batch number ``step`` [at most batch]; every pass is reshuffled."""
        per_pass = self.per_pass(batch, epoch_over)
        count = len(self.pairs) if epoch_over == "pairs" else len(self)
        order = self._shuffled(count, seeds, step // per_pass)
        at = step % per_pass * batch
        chosen = order[at : at + batch].clone()
        return chosen if epoch_over == "pairs" else self._draw(chosen, seeds, step)

    def _draw(self, groups: Tensor, seeds: SeedTree, step: int) -> Tensor:
        if self._one_each:
            return self._order.index_select(0, groups)
        draw = torch.rand(len(groups), generator=seeds.generator("member", step))
        offset = (draw * self._counts[groups]).long()
        return self._order[self._starts[groups] + offset]

    def tower_inputs(self, positions: Tensor, seed: int | None = None) -> TowerInputs:
        """TowerInputs of both sides at some positions of ``pairs``; where a seed is given, live sides draw from it."""
        tower_inputs, items = {}, self.pairs.index_select(0, positions)
        for column, side in enumerate(self.sides):
            index = items[:, column]
            live = seed is not None and side in self.live
            tower_inputs[side] = self.live[side](index, seed) if live else self.take(side, index)  # type: ignore[arg-type]
        return tower_inputs

    def targets(self, positions: Tensor) -> Tensor | None:
        """Soft targets [n, n] of the pairs at some positions of ``pairs`` [n], where they bring any."""
        return self._targets.matrix(positions) if self._targets is not None else None


def _shuffled(count: int, seeds: SeedTree, number: int) -> Tensor:
    return torch.randperm(count, generator=seeds.generator("pass", number))


Observe = Callable[[int, Tensor, TowerInputs, "Parameters"], None]
"""Called before each update with: step, positions of the batch, its tower_inputs, parameters."""


def train(
    student: Student,
    data: TrainingSet,
    recipe: Recipe,
    seeds: SeedTree,
    *,
    observe: Observe | None = None,
    begin: tuple[int, Parameters] | None = None,
) -> Parameters:
    """Train from a fresh start to the last step.

    Args:
        student: what is trained.
        data: on what.
        recipe: how.
        seeds: initial head, order, noise; the same seeds give the same parameters on the CPU.
        observe: sees every batch before its update.
        begin: step and parameters to go on from, instead of a fresh start; momentum is zero there.

    Returns:
        branch name -> flat vector [parameter], after the last step.

    Raises:
        vlbench.errors.DivergedError: a parameter is not finite at the end.
        vlbench.errors.NotFiniteError: so were embeddings of the training items before the first update.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile, vlbench
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> _, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> recipe = vlbench.students.Recipe(steps=5, batch=20, learning_rate=0.1)
        >>> sorted(vlbench.students.train(context.student, context.full_set(), recipe, context.seeds.child("expert")))
        ['image', 'text']
    """
    # So little work a step that threads would wait longer for each other than they compute.
    with one_thread() if student.two_linear_heads else nullcontext():
        return _train(student, data, recipe, seeds, observe=observe, begin=begin)


def _train(
    student: Student,
    data: TrainingSet,
    recipe: Recipe,
    seeds: SeedTree,
    *,
    observe: Observe | None,
    begin: tuple[int, Parameters] | None,
) -> Parameters:
    first, given = begin or (0, None)
    parameters = (
        student.start(seeds.child("start"))
        if given is None
        else {name: flat.detach().clone().to(student.device) for name, flat in given.items()}
    )
    velocity = {name: torch.zeros_like(flat) for name, flat in parameters.items()}
    rates, length = first_rates(recipe, data.rates, list(parameters)), recipe.length(data)

    def fetch(step: int) -> tuple[Tensor, TowerInputs]:
        positions = data.positions(step, recipe.batch, seeds, epoch_over=recipe.epoch_over)
        return positions, data.tower_inputs(positions, seeds.integer("live", step) if data.live else None)

    # What runs an encoder with dropout sets the global generator, and so does a student that drops out.
    ahead = student.device.startswith("cuda") and not data.live
    for step, (positions, tower_inputs) in enumerate(one_ahead(fetch, first, length, ahead=ahead), first):
        if observe is not None:
            observe(step, positions, tower_inputs, parameters)
        tower_inputs = _add_noise(student, tower_inputs, recipe.noise, seeds, step)
        tower_inputs = _augment(student, tower_inputs, recipe.augment, seeds, step)
        with student.training(seeds.integer("dropout", step) if student.has_dropout else 0):
            gradient = student.descent(tower_inputs, parameters, targets=data.targets(positions))
        shrink = recipe.schedule_factor(step, length)
        if recipe.max_grad_norm:
            _clip_gradient(gradient, recipe.max_grad_norm)
        for name, flat in parameters.items():
            velocity[name].mul_(recipe.momentum).add_(gradient[name]).add_(flat, alpha=recipe.weight_decay)
            flat.sub_(velocity[name], alpha=rates[name] * shrink)
    if not all(is_finite(flat) for flat in parameters.values()):
        _check_before(student, data, seeds)
        raise DivergedError(
            f"training diverged: a parameter is not finite after {length} steps at rates "
            f"{', '.join(f'{name} {rate:.3g}' for name, rate in rates.items())}."
        )
    return parameters


@torch.no_grad()
def _check_before(student: Student, data: TrainingSet, seeds: SeedTree) -> None:
    """Training failed: raise if its items were the reason."""
    start = student.start(seeds.child("start"))
    chunks: dict[str, list[Tensor]] = {side: [] for side in student.sides}
    for positions in torch.arange(len(data.pairs)).split(_CHECKED):
        for side, tower_inputs in data.tower_inputs(positions).items():
            chunks[side].append(student.embed(side, tower_inputs, start))
    for side, embeddings in chunks.items():
        if bad := which_not_finite(torch.cat(embeddings)):
            raise NotFiniteError(
                f"split 'train', side {side!r}: the untrained student gives embeddings that are not finite for {bad} "
                f"of the pairs it is trained on. Take their items out of the data, or take another encoder."
            )


def first_rates(recipe: Recipe, learned: Mapping[str, float], branches: Sequence[str]) -> dict[str, float]:
    """Branch -> learning rate before the first update: the recipe's, or those an artifact brings."""
    if recipe.learned_rates == "ignore" or not learned:
        return dict.fromkeys(branches, recipe.learning_rate)
    if recipe.learned_rates == "first":
        return dict.fromkeys(branches, next(iter(learned.values())))
    return {branch: learned.get(branch, recipe.learning_rate) for branch in branches}


def _clip_gradient(gradient: Parameters, longest: float) -> None:
    norm = torch.stack([part.norm() for part in gradient.values()]).norm()
    for part in gradient.values():
        part.mul_((longest / norm).clamp(max=1))


def _add_noise(student: Student, tower_inputs: TowerInputs, scale: float, seeds: SeedTree, step: int) -> TowerInputs:
    if scale == 0:
        return tower_inputs
    noisy = {}
    for index, (side, values) in enumerate(tower_inputs.items()):
        if student.towers[side].frozen:
            generator = seeds.generator("noise", step * len(tower_inputs) + index)
            drawn = on_device(torch.randn(values.shape, generator=generator), values.device)
            values = drawn.mul_(scale).add_(values)
        noisy[side] = values
    return noisy


def _augment(student: Student, tower_inputs: TowerInputs, kind: str, seeds: SeedTree, step: int) -> TowerInputs:
    if kind == "none":
        return tower_inputs
    from vlbench.data.augment import augment

    trained = [side for side in tower_inputs if not student.towers[side].frozen and tower_inputs[side].ndim == 4]
    if not trained:
        raise ProtocolError(
            f"augment = {kind!r}: no side has pixels that a trained encoder reads. Set augment = 'none'."
        )
    generator = seeds.generator("augment", step)
    return tower_inputs | {side: augment(tower_inputs[side], generator) for side in trained}

"""The pairs that learning starts from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from vlbench import Selection
from vlbench.artifacts import stored_bytes
from vlbench.errors import OptionError
from vlbench_trajectory.pixels import Basis, Learned, LearnedItems, LearnedVectors
from vlbench_trajectory.targets import TARGETS, LearnedTargets, first_rows

if TYPE_CHECKING:
    from vlbench import Budget, Context, SeedTree, TrainView
    from vlbench.students import Student
    from vlbench_trajectory.options import VLDDOptions
    from vlbench_trajectory.settings import Settings


@dataclass(frozen=True)
class Start:
    """Pairs before the first outer step.

    Attributes:
        selection: the real pairs that were drawn.
        real: side -> their inputs [pair, ...] where items are a tensor, else their tower_inputs [pair, width].
        first: the same, with noise on the sides that start from it, and rows of soft targets where those are learned.
        bounds: side whose items are a tensor -> least and greatest valid input.
        eight_bit: those of them whose items are 8 bit, and are stored so.
    """

    selection: Selection
    real: dict[str, Tensor]
    first: dict[str, Tensor]
    bounds: dict[str, tuple[float, float]]
    eight_bit: tuple[str, ...]

    def learned(self, student: Student, options: VLDDOptions, settings: Settings) -> dict[str, Learned]:
        """Learned side -> how its variable becomes tower_inputs of a student."""
        how: dict[str, Learned] = {}
        if TARGETS in self.first:
            how[TARGETS] = LearnedTargets()
        for side in student.sides if options.learn == "both" else (options.learn,):
            tower, literal = student.towers[side], settings.literal
            if side in self.bounds:
                basis: Basis = "free" if literal else options.pixels
                bounds = None if literal else self.bounds[side]
                storage = None if side in self.eight_bit else options.storage
                how[side] = LearnedItems(
                    tower, self.real[side], basis=basis, bounds=bounds, stay=options.stay, storage=storage
                )
            else:
                how[side] = LearnedVectors(tower, self.real[side], literal=literal, storage=options.storage)
        return how

    @torch.no_grad()
    def tower_inputs(self, student: Student, side: str) -> Tensor:
        """What a student reads of the first pairs [pair, ...]."""
        return student.towers[side].encode_frozen(self.first[side]) if side in self.bounds else self.first[side]


def pair_bytes(train: TrainView, student: Student, options: VLDDOptions) -> int:
    """Most bytes that a learned pair can weigh as it is stored."""
    total = 0
    for side in train.sides:
        items = train.items(side)
        if isinstance(items, Tensor) and (items.dtype == torch.uint8 or options.storage == "float32"):
            total += items[0].numel() * items.element_size()
        else:
            numbers = items[0].numel() if isinstance(items, Tensor) else student.towers[side].width
            total += stored_bytes(numbers, options.storage)
    if options.targets == "learned":
        total += stored_bytes(1 + 2 * options.target_rank, "float32")
    return total


def draw_start(train: TrainView, budget: Budget, context: Context, options: VLDDOptions) -> Start:
    """Draw real pairs of different first-side items, and noise.

    Raises:
        BudgetError: fewer first-side items than pairs asked for.
        OptionError: an option names no side, or a side that can be learned in no way.
    """
    student = context.student
    _check(train, student, options)
    candidates = context.candidates()
    budget.check_available(len(candidates), unit=f"{train.sides[0]}s")
    rates_bytes = 4 * len(student.branches)
    count = min(budget.pairs_that_fit(pair_bytes(train, student, options), beside=rates_bytes), len(candidates))
    order = torch.randperm(len(candidates), generator=context.seeds.generator("start pairs"))[:count]
    mean_sides = train.sides[1:] if options.captions == "mean" and options.preset == "default" else ()
    selection = Selection(candidates[order], train.fingerprint, mean_sides)
    bounds = {side: train.bounds(side) for side in train.sides if isinstance(train.items(side), Tensor)}
    data = context.training_set(selection)
    real = {}
    for column, side in enumerate(train.sides):
        if side in bounds:
            index = train.pairs[selection.indices, column]
            real[side] = student.towers[side].encoder.inputs(train.items(side)[index]).to(context.device)
        else:
            real[side] = data.take(side, data.pairs[:, column])
    first = dict(real)
    for side in options.noise:
        drawn = noise(side, real[side], context.seeds)
        first[side] = drawn.clamp(*bounds[side]) if side in bounds else drawn
    if options.targets == "learned":
        rows = first_rows(count, min(options.target_rank, count), context.seeds.generator("targets"))
        first[TARGETS] = rows.to(context.device)
    eight_bit = tuple(side for side in bounds if train.items(side).dtype == torch.uint8)
    return Start(selection, real, first, bounds, eight_bit)


def noise(side: str, real: Float[Tensor, "pair channel ..."], seeds: SeedTree) -> Float[Tensor, "pair channel ..."]:
    """Gaussian noise with the mean and deviation of the real values, of each channel or each element of a vector."""
    axes = [axis for axis in range(real.ndim) if axis != 1]
    mean, deviation = real.mean(axes, keepdim=True), real.std(axes, keepdim=True, correction=0)
    drawn = torch.randn(real.shape, generator=seeds.generator(f"noise {side}")).to(real.device)
    return mean + deviation * drawn


def _check(train: TrainView, student: Student, options: VLDDOptions) -> None:
    sides = ", ".join(train.sides)
    if options.learn not in ("both", *train.sides):
        raise OptionError(f"method 'vldd': learn={options.learn!r} is no side. Allowed: both, {sides}.")
    for side in options.noise:
        if side not in train.sides:
            raise OptionError(f"method 'vldd': noise={side!r} is no side. Allowed: {sides}.")
    for side in train.sides:
        if not isinstance(train.items(side), Tensor) and not student.towers[side].frozen:
            raise OptionError(
                f"method 'vldd' returns {side} vectors, but the student trains the {side} encoder, which they would "
                f'bypass. Set train = "frozen" for {side} in the suite, or use a method that selects real pairs.'
            )

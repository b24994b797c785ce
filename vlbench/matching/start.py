"""The pairs that learning starts from, and the artifact that learned pairs become."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from vlbench.artifacts.artifact import DistilledPairs, Selection
from vlbench.artifacts.quantise import pack, stored_bytes
from vlbench.errors import OptionError
from vlbench.matching.learned import Basis, Learned, LearnedItems, LearnedVectors, Storage
from vlbench.matching.soft_targets import SCALE, TARGETS, LearnedTargets, as_targets, first_rows

if TYPE_CHECKING:
    from vlbench.budget import Budget
    from vlbench.data.views import TrainView
    from vlbench.methods.context import Context
    from vlbench.seeds import SeedTree
    from vlbench.students.student import Student


@dataclass(frozen=True)
class Form:
    """What is learned, and how.

    Attributes:
        learn: ``both``, or the one side that is learned.
        captions: the second side starts from the ``mean`` of an item's vectors, or from ``one``.
        noise: sides that start from noise.
        basis: ``frequency``: items are learned as coefficients of a frequency-weighted basis; or ``free``.
        anchor_strength: pull of learned items back to the real ones.
        storage: of vectors, and of items that are not 8 bit.
        target_rank: of learned soft targets; None: there are none.
        target_scale: factor on their low-rank part, over the rank.
        literal: variables are raw, as published methods have them: no unit RMS, no clamp.

    Examples:
        >>> from vlbench.matching import Form
        >>> Form(learn="text", storage="uint8").basis
        'frequency'
    """

    learn: str = "both"
    captions: Literal["mean", "one"] = "mean"
    noise: tuple[str, ...] = ()
    basis: Basis = "frequency"
    anchor_strength: float = 0.0
    storage: Storage = "float32"
    target_rank: int | None = None
    target_scale: float = SCALE
    literal: bool = False


@dataclass(frozen=True)
class Start:
    """Pairs before the first outer step.

    Attributes:
        selection: the real pairs that were drawn.
        real: side -> their inputs [pair, ...] where items are a tensor, else their tower inputs [pair, width].
        first: the same, with noise on the sides that start from it, and rows of soft targets where those are learned.
        bounds: side whose items are a tensor -> least and greatest valid input.
        eight_bit: those of them whose items are 8 bit, and are stored so.
        form: what is learned, and how.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile, vlbench
        >>> from vlbench.matching import Form, draw_start
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> train, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> start = draw_start(train, vlbench.Budget(5), context, form=Form(learn="text"))
        >>> variables = {side: how.variable(start.first[side]) for side, how in start.learned(context.student).items()}
        >>> len(start.artifact(train, context.student, variables, rates={}))  # as it was: nothing has been learned
        5
    """

    selection: Selection
    real: dict[str, Tensor]
    first: dict[str, Tensor]
    bounds: dict[str, tuple[float, float]]
    eight_bit: tuple[str, ...]
    form: Form

    def learned(self, student: Student) -> dict[str, Learned]:
        """Learned side -> how its variable becomes tower inputs of a student."""
        how: dict[str, Learned] = {}
        if TARGETS in self.first:
            how[TARGETS] = LearnedTargets()
        for side in student.sides if self.form.learn == "both" else (self.form.learn,):
            how[side] = self._learned_side(student, side)
        return how

    def _learned_side(self, student: Student, side: str) -> Learned:
        form, tower = self.form, student.towers[side]
        if side not in self.bounds:
            return LearnedVectors(tower, self.real[side], literal=form.literal, storage=form.storage)
        return LearnedItems(
            tower,
            self.real[side],
            basis="free" if form.literal else form.basis,
            bounds=None if form.literal else self.bounds[side],
            anchor_strength=form.anchor_strength,
            storage=None if side in self.eight_bit else form.storage,
        )

    @torch.no_grad()
    def tower_inputs(self, student: Student, side: str) -> Tensor:
        """What a student reads of the first pairs [pair, ...]."""
        return student.towers[side].encode_frozen(self.first[side]) if side in self.bounds else self.first[side]

    def artifact(
        self, train: TrainView, student: Student, variables: Mapping[str, Tensor], rates: Mapping[str, float]
    ) -> DistilledPairs:
        """What was learned, in the form it is stored in.

        Args:
            train: of the condensation.
            student: for which the variables stand.
            variables: of the learned sides; another side stays as it was at the start.
            rates: branch -> step size learned with the pairs; may be empty.
        """
        sides, spaces, scales = {}, {}, {}
        learned = self.learned(student)
        for side in train.sides:
            tower, values = student.towers[side], self.first[side]
            if side in learned:
                values = learned[side].inputs(variables[side]).detach()
            if side in self.bounds:
                spaces[side] = "items"
                exact = side in self.eight_bit or self.form.storage == "float32"
                sides[side], scales[side] = (
                    (train.as_items(side, values), None) if exact else pack(values, self.form.storage)
                )
            else:
                spaces[side] = tower.space
                sides[side], scales[side] = pack(tower.standardise.inverse(values), self.form.storage)
        return DistilledPairs(
            {side: stored.cpu() for side, stored in sides.items()},
            spaces,
            train.fingerprint,
            dict(rates),
            None if self.form.noise else self.selection,
            {side: scale.cpu() for side, scale in scales.items() if scale is not None},
            as_targets(variables[TARGETS], self.form.target_scale).to("cpu") if TARGETS in learned else None,
        )


def pair_bytes(train: TrainView, student: Student, form: Form) -> int:
    """Most bytes that a learned pair can weigh as it is stored."""
    total = 0
    for side in train.sides:
        items = train.items(side)
        if isinstance(items, Tensor) and (items.dtype == torch.uint8 or form.storage == "float32"):
            total += items[0].numel() * items.element_size()
        else:
            numbers = items[0].numel() if isinstance(items, Tensor) else student.towers[side].width
            total += stored_bytes(numbers, form.storage)
    if form.target_rank is not None:
        total += stored_bytes(1 + 2 * form.target_rank, "float32")
    return total


Choose = Callable[[Tensor, int], Tensor]
"""Train pairs on offer [candidate], how many -> positions among them [pair] that learning starts from."""


def draw_start(
    train: TrainView, budget: Budget, context: Context, *, form: Form, choose: Choose | None = None
) -> Start:
    """Real pairs of different first-side items, and noise where it is asked for.

    Args:
        train: of the condensation.
        budget: of the condensation: as many pairs as it says, or as surely fit its bytes.
        context: of the condensation.
        form: what is learned, and how.
        choose: which pairs; drawn uniformly where left out.

    Raises:
        BudgetError: fewer first-side items than pairs asked for.
        OptionError: an option names no side, or a side that can be learned in no way.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile, vlbench
        >>> from vlbench.matching import Form, draw_start
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> train, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> start = draw_start(train, vlbench.Budget(5), context, form=Form())
        >>> {side: tuple(values.shape) for side, values in start.first.items()}
        {'image': (5, 3, 8, 8), 'text': (5, 16)}
    """
    student = context.student
    _check(train, student, form)
    candidates = context.candidates()
    budget.check_available(len(candidates), unit=f"{train.sides[0]}s")
    rates_bytes = 4 * len(student.branches)
    count = min(budget.pairs_that_fit(pair_bytes(train, student, form), beside=rates_bytes), len(candidates))
    drawn = choose or partial(_uniformly, context=context)
    order = drawn(candidates, count)
    mean_sides = train.sides[1:] if form.captions == "mean" else ()
    selection = Selection(candidates[order], train.fingerprint, mean_sides)
    bounds = {side: train.bounds(side) for side in train.sides if isinstance(train.items(side), Tensor)}
    real = _real(train, context, selection, bounds)
    first = dict(real)
    for side in form.noise:
        values = noise(side, real[side], context.seeds)
        first[side] = values.clamp(*bounds[side]) if side in bounds else values
    if form.target_rank is not None:
        rows = first_rows(count, min(form.target_rank, count), context.seeds.generator("targets"))
        first[TARGETS] = rows.to(context.device)
    eight_bit = tuple(side for side in bounds if train.items(side).dtype == torch.uint8)
    return Start(selection, real, first, bounds, eight_bit, form)


def _uniformly(candidates: Tensor, count: int, *, context: Context) -> Tensor:
    return torch.randperm(len(candidates), generator=context.seeds.generator("start pairs"))[:count]


def _real(train: TrainView, context: Context, selection: Selection, bounds: Mapping[str, object]) -> dict[str, Tensor]:
    data, real = context.training_set(selection), {}
    for column, side in enumerate(train.sides):
        if side in bounds:
            real[side] = train.as_inputs(side, train.pairs[selection.indices, column], context.student)
        else:
            real[side] = data.take(side, data.pairs[:, column])
    return real


def noise(side: str, real: Float[Tensor, "pair channel ..."], seeds: SeedTree) -> Float[Tensor, "pair channel ..."]:
    """Gaussian noise with the mean and deviation of the real values, of each channel or each element of a vector."""
    axes = [axis for axis in range(real.ndim) if axis != 1]
    mean, deviation = real.mean(axes, keepdim=True), real.std(axes, keepdim=True, correction=0)
    drawn = torch.randn(real.shape, generator=seeds.generator(f"noise {side}")).to(real.device)
    return mean + deviation * drawn


def _check(train: TrainView, student: Student, form: Form) -> None:
    sides = ", ".join(train.sides)
    if form.learn not in ("both", *train.sides):
        raise OptionError(f"learn={form.learn!r} is no side. Allowed: both, {sides}.")
    for side in form.noise:
        if side not in train.sides:
            raise OptionError(f"noise={side!r} is no side. Allowed: {sides}.")
    for side in train.sides:
        if not isinstance(train.items(side), Tensor) and not student.towers[side].frozen:
            raise OptionError(
                f"the method returns {side} vectors, but the student trains the {side} encoder, which they would "
                f'bypass. Set train = "frozen" for {side} in the suite, or use a method that selects real pairs.'
            )

"""InfoNCE of two linear heads for autograd, with its first and second derivatives written out.

A matching loss differentiates a student's gradient once more. Through a graph of single operations that takes much
longer than the matrix products in it; here gradient and Hessian product are one node each. In the notation of
:mod:`vlbench.students.closed_form`, and with a dot for the change along a direction:

    L. = (u. v^T + u v.^T) / t,   G. from the softmaxes' own,   (dL/du). = (G. v + G v.) / t,   and so on to z.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from vlbench.students.closed_form import through, unit
from vlbench.students.losses import info_nce, info_nce_value, match_weights

Rows = Float[Tensor, "n embedding"]
Square = Float[Tensor, "n n"]


def pair_loss(one: Rows, two: Rows, temperature: float, targets: Square | None) -> Float[Tensor, ""]:
    """:func:`vlbench.students.losses.info_nce` of the cosines of ``one`` and ``two`` over a temperature.

    Differentiable in both, any number of times; the first two are fast.
    """
    loss: Tensor = _Loss.apply(one, two, temperature, targets)
    return loss


@dataclass(frozen=True)
class _Parts:
    """What a batch's derivatives share.

    Attributes:
        units, lengths: of both sides' embeddings.
        rows, columns: softmax of the logits along either axis, times what each row or column weighs, over 2.
        by_row, by_column: these weights, over 2: [n, 1] and [n], or 1 / 2n for all.
        pull: gradient by the cosines.
        temperature, targets: as given.
    """

    units: tuple[Rows, Rows]
    lengths: tuple[Tensor, Tensor]
    rows: Square
    columns: Square
    by_row: Any
    by_column: Any
    pull: Square
    temperature: float
    targets: Square | None

    def gradient(self) -> tuple[Rows, Rows]:
        """Of the loss, by both sides' embeddings."""
        one, two = (
            through(by_unit.clone(), unit, length)
            for by_unit, unit, length in zip(self.by_unit, self.units, self.lengths, strict=True)
        )
        return one, two

    def product(self, along: tuple[Rows, Rows]) -> tuple[Rows, Rows]:
        """How that gradient changes along a direction: the Hessian's product with it."""
        stretch = [(unit * way).sum(1, keepdim=True) for unit, way in zip(self.units, along, strict=True)]
        moves = [
            (way - unit * longer).div_(length)
            for way, unit, longer, length in zip(along, self.units, stretch, self.lengths, strict=True)
        ]
        pull = self._pull_change(torch.addmm(moves[0] @ self.units[1].T, self.units[0], moves[1].T))
        change = (
            torch.addmm(pull @ self.units[1], self.pull, moves[1]),
            torch.addmm(pull.T @ self.units[0], self.pull.T, moves[0]),
        )
        one, two = (
            _through_change(*of_side)
            for of_side in zip(self.by_unit, change, self.units, moves, stretch, self.lengths, strict=True)
        )
        return one, two

    @cached_property
    def by_unit(self) -> tuple[Rows, Rows]:
        """Gradient of the loss by both sides' units."""
        return self.pull @ self.units[1], self.pull.T @ self.units[0]

    def _pull_change(self, cosines: Square) -> Square:
        """Change of ``pull`` as the cosines change."""
        logits = cosines.div_(self.temperature)
        rows, columns = self.rows * logits, self.columns * logits
        rows.addcmul_(self.rows, rows.sum(1, keepdim=True) / self.by_row, value=-1)
        columns.addcmul_(self.columns, columns.sum(0) / self.by_column, value=-1)
        return rows.add_(columns).div_(self.temperature)


def _through_change(by_unit: Rows, change: Rows, unit: Rows, move: Rows, stretch: Tensor, length: Tensor) -> Rows:
    """Change of ``through(by_unit, unit, length)``."""
    along = (unit * by_unit).sum(1, keepdim=True)
    turned = (move * by_unit).sum(1, keepdim=True) + (unit * change).sum(1, keepdim=True)
    gradient = (by_unit - unit * along).mul_(stretch).div_(length)
    return change.addcmul_(move, along, value=-1).addcmul_(unit, turned, value=-1).sub_(gradient).div_(length)


def _parts(one: Rows, two: Rows, temperature: float, targets: Square | None) -> tuple[Tensor, _Parts]:
    """The loss, and what its derivatives share."""
    (first, first_length), (second, second_length) = (unit(values.clone()) for values in (one, two))
    logits = (first @ second.T).div_(temperature)
    rows, columns = logits.softmax(1), logits.softmax(0)
    weights = match_weights(targets) if targets is not None else None
    loss = info_nce_value(logits, rows, columns, weights)
    by_row: Any
    by_column: Any
    if weights is None:
        by_row = by_column = 0.5 / len(logits)
        pull = rows.mul_(by_row) + columns.mul_(by_column)
        pull.diagonal().sub_(1 / len(logits))
    else:
        by_row, by_column = weights.sum(1, keepdim=True) / 2, weights.sum(0) / 2  # a row of 0 divides by them below
        pull = (rows.mul_(by_row) + columns.mul_(by_column)).sub_(weights)
        by_row, by_column = (part.clamp_min(torch.finfo(part.dtype).tiny) for part in (by_row, by_column))
    units, lengths = (first, second), (first_length, second_length)
    pull.div_(temperature)
    return loss, _Parts(units, lengths, rows, columns, by_row, by_column, pull, temperature, targets)


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, one: Tensor, two: Tensor, temperature: float, targets: Tensor | None) -> Tensor:
        loss, ctx.parts = _parts(one, two, temperature, targets)
        ctx.save_for_backward(one, two)
        return loss

    @staticmethod
    def backward(ctx: Any, *scale: Tensor) -> tuple[Any, ...]:
        one, two = _Gradient.apply(*ctx.saved_tensors, ctx.parts)
        return one * scale[0], two * scale[0], None, None


class _Gradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, one: Tensor, two: Tensor, parts: _Parts) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(one, two)
        ctx.parts = parts
        return parts.gradient()

    @staticmethod
    def backward(ctx: Any, *along: Tensor) -> tuple[Any, ...]:
        parts: _Parts = ctx.parts
        if torch.is_grad_enabled():  # someone differentiates a third time: step by step
            sides = [values if values.requires_grad else values.requires_grad_() for values in ctx.saved_tensors]
            cosines = F.normalize(sides[0], dim=1) @ F.normalize(sides[1], dim=1).T
            loss = info_nce(cosines / parts.temperature, parts.targets)
            gradient = torch.autograd.grad(loss, sides, create_graph=True)
            return (*torch.autograd.grad(gradient, sides, along, create_graph=True), None)
        return (*parts.product((along[0], along[1])), None)

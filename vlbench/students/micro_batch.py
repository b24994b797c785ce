"""A trained encoder in micro-batches: the gradients of the whole batch, in the memory of a few items.

Items do not see each other before the loss, so an encoder's graph is needed for some of them at a time only: it is made
again in each backward pass (as in GradCache, Gao et al. 2021, for one derivative; here for two, which a matching loss
takes). Forward passes keep no graph. The loss still sees the whole batch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

Encode = Callable[..., Tensor]
"""Inputs [item, ...] and flat parameter vectors -> features [item, width], item by item."""


def in_micro_batches(encode: Encode, inputs: Tensor, flats: Sequence[Tensor], size: int) -> Tensor:
    """``encode(inputs, *flats)``, differentiable twice in both, with the graph of ``size`` items at a time."""
    if not torch.is_grad_enabled() or len(inputs) <= size:
        return encode(inputs, *flats)
    features: Tensor = _Features.apply(_as_now(encode, inputs.device.type), size, inputs, *flats)
    return features


def _as_now(encode: Encode, kind: str) -> Encode:
    """``encode`` in the precision in force now, whenever it is called."""
    if kind not in ("cpu", "cuda") or not torch.is_autocast_enabled(kind):
        return encode
    dtype = torch.get_autocast_dtype(kind)

    def encode_so(*values: Tensor) -> Tensor:
        with torch.autocast(kind, dtype):
            return encode(*values)

    return encode_so


class _Features(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, encode: Encode, size: int, inputs: Tensor, *flats: Tensor) -> Tensor:
        ctx.encode, ctx.size = encode, size
        ctx.save_for_backward(inputs, *flats)
        return torch.cat([encode(part, *flats) for part in inputs.split(size)])

    @staticmethod
    def backward(ctx: Any, *pull: Tensor) -> tuple[Any, ...]:
        return (
            None,
            None,
            *_Gradient.apply(ctx.encode, ctx.size, ctx.needs_input_grad[2], pull[0], *ctx.saved_tensors),
        )


class _Gradient(torch.autograd.Function):
    """Features' gradient, inputs and flats -> gradient of inputs, where wanted, and of flats."""

    @staticmethod
    def forward(
        ctx: Any, encode: Encode, size: int, by_inputs: bool, pull: Tensor, inputs: Tensor, *flats: Tensor
    ) -> tuple[Tensor | None, ...]:
        ctx.encode, ctx.size, ctx.by_inputs = encode, size, by_inputs
        ctx.save_for_backward(pull, inputs, *flats)
        found = _Sum(by_inputs, flats)
        for some in zip(inputs.split(size), pull.split(size), strict=True):
            found.add(_graph(encode, some, flats, by_inputs=by_inputs, again=False)[1])
        return found.all()

    @staticmethod
    def backward(ctx: Any, *along: Tensor | None) -> tuple[Any, ...]:
        if torch.is_grad_enabled():
            raise RuntimeError("with micro_batch, a loss has two derivatives. Set micro_batch = 0 for more.")
        pull, inputs, *flats = ctx.saved_tensors
        found, by_pull = _Sum(ctx.by_inputs, flats), []
        for at in range(0, len(inputs), ctx.size):
            part = slice(at, at + ctx.size)
            leaves, gradient = _graph(
                ctx.encode, (inputs[part], pull[part]), flats, by_inputs=ctx.by_inputs, again=True
            )
            ways = [along[0][part], *along[1:]] if along[0] is not None else along[1:]
            back = torch.autograd.grad(gradient, leaves, ways, allow_unused=True, materialize_grads=True)
            by_pull.append(back[0])
            found.add(back[1:])
        return (None, None, None, torch.cat(by_pull), *found.all())


def _graph(
    encode: Encode, some: tuple[Tensor, Tensor], flats: Sequence[Tensor], *, by_inputs: bool, again: bool
) -> tuple[list[Tensor], tuple[Tensor, ...]]:
    """Of some items and their features' gradient: leaves, and the gradient of inputs and flats.

    ``again``: that gradient has a graph itself, and the features' gradient is the first of the leaves.
    """
    inputs, pull = (values.detach() for values in some)
    wanted = [flat.detach().requires_grad_() for flat in flats]
    with torch.enable_grad():
        features = encode(inputs.requires_grad_(by_inputs), *wanted)
        leaves = [inputs, *wanted] if by_inputs else wanted
        gradient = torch.autograd.grad(
            features, leaves, pull.requires_grad_(again), create_graph=again, allow_unused=True, materialize_grads=True
        )
    return [pull, *leaves] if again else leaves, gradient


class _Sum:
    """Gradients of inputs one after the other, where wanted, and the sum of those of flats."""

    def __init__(self, by_inputs: bool, flats: Sequence[Tensor]) -> None:
        self._by_inputs = by_inputs
        self._items: list[Tensor] = []
        self._flats = [torch.zeros_like(flat) for flat in flats]

    def add(self, gradient: Sequence[Tensor]) -> None:
        """Of some more items."""
        if self._by_inputs:
            self._items.append(gradient[0])
        for total, part in zip(self._flats, gradient[int(self._by_inputs) :], strict=True):
            total.add_(part)

    def all(self) -> tuple[Tensor | None, ...]:
        """Of inputs, or None, and of flats."""
        return (torch.cat(self._items) if self._by_inputs else None, *self._flats)

"""The frequency basis of pictures, spectrograms and frames: a step of one size changes low frequencies most."""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor


@lru_cache(maxsize=8)
def cosine_basis(size: int) -> Float[Tensor, "frequency size"]:
    """Orthonormal type-II cosine basis of a line of pixels; row k has k half-waves."""
    position = (torch.arange(size, dtype=torch.float64) + 0.5) / size
    basis = torch.cos(math.pi * torch.arange(size, dtype=torch.float64)[:, None] * position) * math.sqrt(2 / size)
    basis[0] /= math.sqrt(2)
    return basis.float()


@lru_cache(maxsize=8)
def frequency_weight(*sizes: int) -> Tensor:
    """1 / max(f, 1) with f in waves across the item, over all axes: about the spectrum of photographs."""
    squares = torch.zeros(sizes)
    for axis, size in enumerate(sizes):
        shape = [-1 if at == axis else 1 for at in range(len(sizes))]
        squares = squares + (torch.arange(size) / 2).square().view(shape)
    return 1 / squares.sqrt().clamp_min(1.0)


def smooth_axes(items: Tensor) -> tuple[int, ...]:
    """Axes along which neighbours are alike, counted from the end: height and width, and the time of frames.

    Args:
        items: pictures [item, channel, height, width], maps [item, height, width], or frames
            [item, time, channel, height, width].
    """
    return (-4, -2, -1) if items.ndim == 5 else (-2, -1)


def to_coefficients(pixels: Tensor, axes: tuple[int, ...] = (-2, -1)) -> Tensor:
    """Coefficients of the cosine transform over some axes, divided by the frequency weight.

    Args:
        pixels: [..., height, width], or any form whose axes are named.
        axes: counted from the end, in rising order.

    Examples:
        >>> import torch
        >>> from vlbench.matching import to_coefficients
        >>> to_coefficients(torch.ones(2, 2)).round().abs()  # a flat picture is its lowest frequency
        tensor([[2., 0.],
                [0., 0.]])
    """
    for axis in axes:
        pixels = _along(pixels, axis, cosine_basis(pixels.shape[axis]).to(pixels))
    return pixels / _weight_of(pixels, axes)


def to_pixels(coefficients: Tensor, axes: tuple[int, ...] = (-2, -1)) -> Tensor:
    """The inverse of :func:`to_coefficients`. A step of one size in every coefficient changes low frequencies most.

    Examples:
        >>> import torch
        >>> from vlbench.matching import to_coefficients, to_pixels
        >>> pixels = torch.rand(3, 8, 8)
        >>> torch.allclose(to_pixels(to_coefficients(pixels)), pixels, atol=1e-5)
        True
    """
    pixels = coefficients * _weight_of(coefficients, axes)
    for axis in axes:
        pixels = _along(pixels, axis, cosine_basis(pixels.shape[axis]).to(pixels).T)
    return pixels


def _along(values: Tensor, axis: int, matrix: Float[Tensor, "out in"]) -> Tensor:
    """A matrix applied along one axis."""
    if axis == -1:
        return values @ matrix.T
    if axis == -2:
        return matrix @ values
    return (values.transpose(axis, -1) @ matrix.T).transpose(axis, -1)


def _weight_of(values: Tensor, axes: tuple[int, ...]) -> Tensor:
    """The weight in a form that multiplies the values: axes that are not named have size 1."""
    sizes = [values.shape[axis] for axis in axes]
    shape = [values.shape[axis] if axis in axes else 1 for axis in range(axes[0], 0)]
    return frequency_weight(*sizes).to(values).view(shape)

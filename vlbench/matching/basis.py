"""The frequency basis of pictures, in which a step of one size changes low frequencies most."""

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
def frequency_weight(height: int, width: int) -> Float[Tensor, "height width"]:
    """1 / max(f, 1) with f in waves across the image: about the spectrum of photographs."""
    rows, columns = torch.arange(height)[:, None] / 2, torch.arange(width)[None] / 2
    return 1 / (rows.square() + columns.square()).sqrt().clamp_min(1.0)


def to_coefficients(pixels: Float[Tensor, "... height width"]) -> Float[Tensor, "... height width"]:
    """Coefficients of the two-dimensional cosine transform, divided by the frequency weight.

    Examples:
        >>> import torch
        >>> from vlbench.matching import to_coefficients
        >>> to_coefficients(torch.ones(2, 2)).round().abs()  # a flat picture is its lowest frequency
        tensor([[2., 0.],
                [0., 0.]])
    """
    height, width = pixels.shape[-2:]
    rows, columns = cosine_basis(height).to(pixels), cosine_basis(width).to(pixels)
    return rows @ pixels @ columns.T / frequency_weight(height, width).to(pixels)


def to_pixels(coefficients: Float[Tensor, "... height width"]) -> Float[Tensor, "... height width"]:
    """The inverse of :func:`to_coefficients`. A step of one size in every coefficient changes low frequencies most.

    Examples:
        >>> import torch
        >>> from vlbench.matching import to_coefficients, to_pixels
        >>> pixels = torch.rand(3, 8, 8)
        >>> torch.allclose(to_pixels(to_coefficients(pixels)), pixels, atol=1e-5)
        True
    """
    height, width = coefficients.shape[-2:]
    rows, columns = cosine_basis(height).to(coefficients), cosine_basis(width).to(coefficients)
    return rows.T @ (coefficients * frequency_weight(height, width).to(coefficients)) @ columns

"""MDM's kernel energy between learned and real pairs."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize


def shared_and_gap(embeddings: list[Tensor]) -> tuple[Tensor, Tensor]:
    """z_v + z_t and z_v - z_t, each [pair, embedding]."""
    one, two = embeddings
    return one + two, one - two


def unit(values: Float[Tensor, "pair dim"]) -> Float[Tensor, "pair dim"]:
    """At unit length."""
    return normalize(values, dim=-1)


def energy(made: Float[Tensor, "m dim"], real: Float[Tensor, "r dim"], sigma: float) -> Float[Tensor, ""]:
    """sqrt(mean k(made, made') + mean k(real, real') - 2 mean k(made, real)), without a point's kernel with itself."""
    inside = [_off_diagonal(kernel(points, points, sigma)) for points in (made, real)]
    return (inside[0] + inside[1] - 2 * kernel(made, real, sigma).mean()).clamp_min(0).add(1e-12).sqrt()


def kernel(one: Float[Tensor, "m dim"], two: Float[Tensor, "r dim"], sigma: float) -> Float[Tensor, "m r"]:
    """exp(-angle^2 / (2 sigma^2)) of unit vectors."""
    angle = (one @ two.T).clamp(-1 + 1e-6, 1 - 1e-6).arccos()
    return torch.exp(-angle.square() / (2 * sigma**2))


def _off_diagonal(values: Float[Tensor, "n n"]) -> Float[Tensor, ""]:
    count = len(values)
    return (values.sum() - values.diagonal().sum()) / max(count * (count - 1), 1)

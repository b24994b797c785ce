"""The gradient of two linear heads on frozen features, written out: autograd's result without its graph.

With z = x W^T, its unit vector u = z / |z|, v that of the other side and logits L = u v^T / t, a gradient G of the loss
by the logits gives dL/du = G v / t, dL/dz = (dL/du - u (u . dL/du)) / |z| and dL/dW = dL/dz^T x.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from vlbench.students.losses import LOGIT_GRADIENTS, LOSSES

SHORTEST = 1e-12
"""Least length that an embedding is divided by, as in ``torch.nn.functional.normalize``."""

Features = Float[Tensor, "n features"]
Weight = Float[Tensor, "embedding features"]


@dataclass(frozen=True)
class HeadGradient:
    """What a batch gives.

    Attributes:
        weights: side -> gradient of its head.
        log_scale: gradient of the logarithm of 1 / temperature, where that is a tensor.
        logits, objective, targets: what its loss follows from.
    """

    weights: dict[str, Weight]
    log_scale: Float[Tensor, " 1"] | None
    logits: Float[Tensor, "n n"]
    objective: str
    targets: Float[Tensor, "n n"] | None

    @cached_property
    def loss(self) -> Float[Tensor, ""]:
        """Of the batch, in nats; computed where it is asked for, since training does not."""
        return LOSSES[self.objective](self.logits, self.targets)


@torch.no_grad()
def head_gradient(
    features: dict[str, Features],
    weights: dict[str, Weight],
    *,
    temperature: float | Tensor,
    objective: str,
    targets: Float[Tensor, "n n"] | None = None,
) -> HeadGradient:
    """Gradient of a student's loss for heads without bias.

    Args:
        features: of both sides' batch.
        weights: of both heads.
        temperature: similarities are divided by it; a tensor [1] where it is learned.
        objective: name of the loss.
        targets: soft ones, or None.
    """
    (first, one), (second, two) = features.items()
    (one_unit, one_length), (two_unit, two_length) = (unit(features[side] @ weights[side].T) for side in features)
    logits = (one_unit @ two_unit.T).div_(temperature)
    pull = LOGIT_GRADIENTS[objective](logits, targets)
    log_scale = (pull * logits).sum()[None] if isinstance(temperature, Tensor) else None
    return HeadGradient(
        {
            first: through(pull @ two_unit, one_unit, one_length * temperature).T @ one,
            second: through(pull.T @ one_unit, two_unit, two_length * temperature).T @ two,
        },
        log_scale,
        logits,
        objective,
        targets,
    )


def unit(values: Float[Tensor, "n embedding"]) -> tuple[Float[Tensor, "n embedding"], Float[Tensor, "n 1"]]:
    """Unit vectors, in place, and their lengths."""
    length = torch.linalg.vector_norm(values, dim=1, keepdim=True).clamp_min_(SHORTEST)
    return values.div_(length), length


def through(
    pull: Float[Tensor, "n embedding"], unit: Float[Tensor, "n embedding"], length: Float[Tensor, "n 1"]
) -> Float[Tensor, "n embedding"]:
    """Back through the division by the length, which lets pass what is square to the unit vector."""
    return pull.sub_(unit * (unit * pull).sum(1, keepdim=True)).div_(length)

"""Features that are there already, too many for a copy: looked at a block at a time, and read where they are needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vlbench.finite import is_finite, which_not_finite
from vlbench.students.student import Standardise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlbench.data.pairs import Items
    from vlbench.encoders.base import Encoder

COPIED_BYTES = 1 << 28
"""Features up to this size, as float32, are copied into memory."""
BLOCK = 65_536
"""Items that are looked at together."""


def is_given(encoder: Encoder, items: Items) -> bool:
    """Whether an encoder's features are the items themselves."""
    return type(encoder.module) is nn.Identity and isinstance(items, Tensor) and items.is_floating_point()


def is_stored(encoder: Encoder, items: Items) -> bool:
    """Whether an encoder's features are the items themselves, and too many for a copy."""
    return is_given(encoder, items) and 4 * items.numel() > COPIED_BYTES


def stored_not_finite(items: Tensor, names: Sequence[str]) -> str:
    """Which items are not finite, of the first block that holds any; "" where none does."""
    for start in range(0, len(items), BLOCK):
        part = items[start : start + BLOCK]
        if not is_finite(part):
            places = names[start : start + BLOCK] or [str(start + at) for at in range(len(part))]
            return which_not_finite(part, places)
    return ""


def stored_statistics(encoder: Encoder, items: Tensor) -> dict[str, Tensor]:
    """Mean and variance of each element over all items, float32 [width] both; summed in float64."""
    sums = [torch.zeros(encoder.width, dtype=torch.float64) for _ in range(2)]
    about = encoder.inputs(items[:BLOCK]).mean(0)  # so that squares are small and their sum exact
    for part in items.split(BLOCK):
        away = encoder.inputs(part) - about
        sums[0] += away.sum(0, dtype=torch.float64)
        sums[1] += away.square_().sum(0, dtype=torch.float64)
    mean, square = (of / len(items) for of in sums)
    return {"mean": (mean + about).float(), "variance": (square - mean.square()).clamp_min(0).float()}


def stored_standardise(statistics: dict[str, Tensor], mode: str) -> Standardise:
    """As :meth:`Standardise.fit` makes it, from mean and variance."""
    variance = statistics["variance"]
    scale = variance.mean().sqrt()[None] if mode == "global" else variance.sqrt()
    return Standardise(statistics["mean"], scale.clamp_min(1e-6))

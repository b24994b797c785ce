"""Sums over features a block at a time: as large as they may be, nothing of their size is made."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

BLOCK = 65_536
"""Pairs that are looked at together."""


def squared_norms(features: Float[Tensor, "n dim"]) -> Float[Tensor, " n"]:
    """Squared length of each row."""
    return torch.cat([part.square().sum(1) for part in features.split(BLOCK)])

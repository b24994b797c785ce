"""Soft targets that are learned with the pairs, after LoRS (ICML 2024)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from vlbench.artifacts.soft_targets import Targets

TARGETS = "soft targets"
"""Stands among the names of learned sides: what is learned of each pair is a row of numbers there, too."""
SCALE = 0.1
"""Factor on the product, so that an update moves its entries less than the diagonal."""

Rows = Float[Tensor, "pair number"]
"""Diagonal, left and right factor of the targets side by side: 1 + 2 * rank numbers for each pair."""


def first_rows(pairs: int, rank: int, generator: torch.Generator) -> Rows:
    """The identity: as in LoRS, the left factor is drawn and the right one is 0."""
    left = torch.randn(pairs, rank, generator=generator)
    return torch.cat([torch.ones(pairs, 1), left, torch.zeros(pairs, rank)], 1)


def as_targets(rows: Rows, scale: float = SCALE) -> Targets:
    """diag(d) + scale / rank * L R^T, as a student trains on it and an artifact stores it; differentiable."""
    rank = rows.shape[1] // 2
    diagonal, left, right = rows.split([1, rank, rank], 1)
    return Targets(diagonal[:, 0], left * (scale / max(rank, 1)), right)


class LearnedTargets:
    """Rows of targets, learned as they are."""

    is_items, rate = False, "target_rate"

    def variable(self, tower_inputs: Rows) -> Rows:
        """What is learned, for given rows."""
        return tower_inputs

    def tower_inputs(self, variable: Rows) -> Rows:
        """The rows."""
        return variable

    def inputs(self, variable: Rows) -> Rows:
        """The rows."""
        return variable

    def project(self, variable: Rows, _rate: float = 0.0) -> Rows:
        """The nearest rows whose diagonal lies between 0 and 1."""
        return torch.cat([variable[:, :1].clamp(0, 1), variable[:, 1:]], 1)

"""Herding: a set whose mean is the mean of the data."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

import vlbench
from vlbench_coresets.blocks import squared_norms


class Herding(vlbench.Selector):
    """Greedy herding (Welling 2009), on both sides' unit embeddings, concatenated, as reimplemented for MDM."""

    def select(self, features: Tensor, size: int, generator: Generator) -> Tensor:
        """Positions int64 [size] out of features float32 [candidate, dim], in the order chosen."""
        del generator  # herding draws nothing
        return herding(features, size)


def herding(features: Float[Tensor, "n dim"], size: int) -> Int[Tensor, " size"]:
    """Step t takes the pair that brings the running sum closest to (t + 1) times the data mean, each pair once.

    Minimising |sum + x - target|^2 over x needs |x|^2 + 2 x (sum - target) only: one pass over the features a step,
    and memory O(n). The first pair of equals is taken.
    """
    chosen = torch.empty(size, dtype=torch.long)
    mean = features.mean(0)
    ahead = torch.zeros_like(mean)  # running sum - t * mean
    norms = squared_norms(features)  # [n]
    for step in range(size):
        chosen[step] = torch.addmv(norms, features, ahead - mean, alpha=2).argmin()
        ahead += features[chosen[step]] - mean
        norms[chosen[step]] = torch.inf
    return chosen

"""Herding: a set whose mean is the mean of the data."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

import vlbench
from vlbench_coresets.blocks import blocks, on_shared_file, squared_norms, whole_or_blocks


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
    mean = _mean(features)
    ahead = torch.zeros_like(mean)  # running sum - t * mean
    norms = squared_norms(features)  # [n]
    for step in range(size):
        chosen[step] = _scores(features, ahead - mean, norms).argmin()
        ahead += features[chosen[step]] - mean
        norms[chosen[step]] = torch.inf
    return chosen


def _mean(features: Float[Tensor, "n dim"]) -> Float[Tensor, " dim"]:
    if not on_shared_file(features):
        return features.mean(0)
    total = torch.zeros(features.shape[1], dtype=torch.float64)
    for part in blocks(features):
        total += part.sum(0, dtype=torch.float64)
    return (total / len(features)).to(features)


def _scores(
    features: Float[Tensor, "n dim"], towards: Float[Tensor, " dim"], norms: Float[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """|x|^2 + 2 x towards."""
    scores, at = torch.empty_like(norms), 0
    for part in whole_or_blocks(features):
        end = at + len(part)
        torch.addmv(norms[at:end], part, towards, alpha=2, out=scores[at:end])
        at = end
    return scores

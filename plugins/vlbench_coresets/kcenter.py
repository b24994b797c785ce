"""k-center: no pair of the data is far from a chosen one."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

import vlbench


class KCenter(vlbench.Selector):
    """Greedy k-center (Gonzalez 1985; Sener and Savarese 2018), on both sides' unit embeddings, concatenated."""

    def select(self, features: Tensor, size: int, generator: Generator) -> Tensor:
        """Positions int64 [size] out of features float32 [candidate, dim], in the order chosen."""
        return k_center(features, size, generator)


def k_center(features: Float[Tensor, "n dim"], size: int, generator: Generator) -> Int[Tensor, " size"]:
    """Farthest first: a drawn pair, then always the one farthest from all chosen (Euclidean distance), each pair once.

    Memory is O(n): only the distance to the nearest chosen pair is kept. The largest of these distances is at most
    twice that of the best set of that size (Gonzalez 1985).
    """
    chosen = torch.empty(size, dtype=torch.long)
    norms = features.square().sum(1)  # [n]
    nearest = torch.full_like(norms, torch.inf)  # squared distance to the nearest chosen pair
    taken = torch.zeros(len(features), dtype=torch.bool)
    for step in range(size):
        chosen[step] = nearest.argmax() if step else torch.randint(len(features), (), generator=generator)
        center = features[chosen[step]]
        distance = torch.addmv(norms + norms[chosen[step]], features, center, alpha=-2)
        taken[chosen[step]] = True
        # A taken pair is below every distance, so that copies of chosen pairs are still taken before it.
        nearest = torch.minimum(nearest, distance.clamp_min_(0)).masked_fill_(taken, -1)
    return chosen

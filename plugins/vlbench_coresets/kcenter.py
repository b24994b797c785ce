"""k-center: no pair of the data is far from a chosen one."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

import vlbench
from vlbench_coresets.blocks import squared_norms, whole_or_blocks

BLOCK = 16
"""Pairs whose distances to all are computed in one pass over the features."""


class KCenter(vlbench.Selector):
    """Greedy k-center (Gonzalez 1985; Sener and Savarese 2018), on both sides' unit embeddings, concatenated."""

    def select(self, features: Tensor, size: int, generator: Generator) -> Tensor:
        """Positions int64 [size] out of features float32 [candidate, dim], in the order chosen."""
        return k_center(features, size, generator)


def k_center(features: Float[Tensor, "n dim"], size: int, generator: Generator) -> Int[Tensor, " size"]:
    """Farthest first: a drawn pair, then always the one farthest from all chosen (Euclidean distance), each pair once.

    Reading the features takes the time, so a pass over them gives the distances to the next pick and to the pairs that
    may follow it: those farthest by now. A new pass is due when another pair has become the farthest. Memory is O(n).
    The largest distance to a chosen pair is at most twice that of the best set of that size (Gonzalez 1985).
    """
    chosen = torch.empty(size, dtype=torch.long)
    norms = squared_norms(features)  # [n]
    nearest = torch.full_like(norms, torch.inf)  # squared distance to the nearest chosen pair
    known: dict[int, Tensor] = {}  # position -> squared distances [n]
    for step in range(size):
        pick = int(nearest.argmax() if step else torch.randint(len(features), (), generator=generator))
        if pick not in known:
            following = nearest.topk(min(BLOCK, len(nearest))).indices.tolist() if step else []
            at = torch.tensor(list(dict.fromkeys([pick, *following]))[:BLOCK])
            distances = _distances(features, norms, at)
            known = dict(zip(at.tolist(), distances, strict=True))
        torch.minimum(nearest, known[pick], out=nearest)
        nearest[pick] = -1  # below every distance, so that copies of chosen pairs are still taken before it
        chosen[step] = pick
    return chosen


def _distances(
    features: Float[Tensor, "n dim"], norms: Float[Tensor, " n"], at: Int[Tensor, " some"]
) -> Float[Tensor, "some n"]:
    """Squared distances of some pairs to all."""
    some, parts, start = features[at], [], 0
    for part in whole_or_blocks(features):
        end = start + len(part)
        parts.append(torch.addmm(norms[start:end] + norms[at, None], some, part.T, alpha=-2).clamp_min_(0))
        start = end
    return parts[0] if len(parts) == 1 else torch.cat(parts, 1)

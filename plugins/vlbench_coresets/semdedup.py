"""SemDeDup: drop pairs that say again what another pair says."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Generator, Tensor

import vlbench
from vlbench_coresets.kmeans import centres

CANDIDATES_A_CLUSTER = 50


class SemDeDup(vlbench.Selector):
    """Within clusters, keep the pairs least similar to one that is kept before them (Abbas et al. 2023).

    Pairs of a cluster stand in the order of their distance from its centre, farthest first. A pair's redundance is its
    highest cosine with one that stands before it; the published method drops all above 1 - epsilon, and here epsilon is
    what leaves as many pairs as asked for.
    """

    def select(self, features: Tensor, size: int, generator: Generator) -> Tensor:
        """Positions int64 [size] out of features float32 [candidate, dim], least redundant first."""
        count = self.options.clusters or max(1, len(features) // CANDIDATES_A_CLUSTER)
        middle = centres(features, min(count, len(features)), self.options.iterations, generator)
        return redundance(features, middle).argsort(stable=True)[:size]


def redundance(features: Float[Tensor, "n dim"], middle: Float[Tensor, "cluster dim"]) -> Float[Tensor, " n"]:
    """Highest cosine with a pair of the same cluster that lies farther from its centre; -1 where there is none."""
    unit = torch.nn.functional.normalize(features, dim=1)
    cluster = torch.cat([torch.cdist(part, middle).argmin(1) for part in features.split(4096)])
    highest = torch.full((len(features),), -1.0)
    for index in cluster.unique().tolist():
        members = (cluster == index).nonzero()[:, 0]
        away = (features[members] - middle[index]).norm(dim=1)
        members = members[away.argsort(descending=True, stable=True)]
        before = (unit[members] @ unit[members].T).tril(-1).masked_fill(~_below(len(members)), -1.0)
        highest[members] = before.max(1).values
    return highest


def _below(count: int) -> Tensor:
    return torch.ones(count, count, dtype=torch.bool).tril(-1)

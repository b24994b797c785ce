"""SemDeDup: drop pairs that say again what another pair says."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Generator, Tensor

import vlbench
from vlbench_coresets.blocks import blocks
from vlbench_coresets.kmeans import centres

CANDIDATES_A_CLUSTER, MOST_A_CLUSTER, MANY_CLUSTERS = 50, 10_000, 1_000
CANDIDATES_A_CENTRE = 256
"""Of more candidates, as many for each cluster are drawn to find the centres."""
ROWS = 4096
"""Members of a cluster that are compared with those before them at a time."""
MANY, SLOW = 100_000, 60.0
"""Candidates from which, and seconds above which, it is said beforehand how long it takes."""


class SemDeDup(vlbench.Selector):
    """Within clusters, keep the pairs least similar to one that is kept before them (Abbas et al. 2023).

    Pairs of a cluster stand in the order of their distance from its centre, farthest first. A pair's redundance is its
    highest cosine with one that stands before it; the published method drops all above 1 - epsilon, and here epsilon is
    what leaves as many pairs as asked for.
    """

    _say: Callable[[str], None] | None = None

    def condense(self, train: vlbench.TrainView, budget: vlbench.Budget, context: vlbench.Context) -> vlbench.Selection:
        """As every selector; what takes long is said before it begins."""
        self._say = context.observer.message
        return super().condense(train, budget, context)

    def select(self, features: Tensor, size: int, generator: Generator) -> Tensor:
        """Positions int64 [size] out of features float32 [candidate, dim], least redundant first."""
        count = self.options.clusters or clusters(len(features))
        some = features
        if len(features) > CANDIDATES_A_CENTRE * count:
            some = features[torch.randperm(len(features), generator=generator)[: CANDIDATES_A_CENTRE * count]]
        self._announce(features, count, len(some))
        middle = centres(some, min(count, len(features)), self.options.iterations, generator)
        return redundance(features, middle).argsort(stable=True)[:size]

    def _announce(self, features: Tensor, count: int, drawn: int) -> None:
        if self._say is None or len(features) < MANY:
            return
        seconds = seconds_needed(features, count, drawn=drawn, iterations=self.options.iterations)
        if seconds > SLOW:
            self._say(
                f"semdedup: {len(features):,} pairs in {count:,} clusters take about {seconds / 60:.0f} min at "
                f"this machine's present speed. Fewer rounds of k-means (semdedup.iterations=N) take less."
            )


def seconds_needed(features: Float[Tensor, "n dim"], count: int, *, drawn: int, iterations: int) -> float:
    """An estimate, from the time in which some pairs are compared with as many others as there are clusters.

    k-means++ compares each drawn pair with some tries for each centre, every iteration with each centre.
    """
    rows, others = features[:ROWS], features[-count:]
    of_pair = min(_seconds(rows, others) for _ in range(3)) / len(rows)
    finding = drawn * (iterations + 2 + math.log(count))
    within = len(features) ** 2 / (2 * count**2)  # members of a cluster with those before them
    return of_pair * (finding + len(features) + within)


def _seconds(rows: Float[Tensor, "some dim"], others: Float[Tensor, "others dim"]) -> float:
    begin = time.perf_counter()
    torch.cdist(rows, others).argmin(1)
    return time.perf_counter() - begin


def clusters(count: int) -> int:
    """One for 50 candidates; from 50,000 candidates on 1,000, and from 10 million on one for 10,000.

    Time grows with candidates times clusters, and with candidates times the members of a cluster.
    """
    return max(1, min(count // CANDIDATES_A_CLUSTER, max(MANY_CLUSTERS, count // MOST_A_CLUSTER)))


def redundance(features: Float[Tensor, "n dim"], middle: Float[Tensor, "cluster dim"]) -> Float[Tensor, " n"]:
    """Highest cosine with a pair of the same cluster that lies farther from its centre; -1 where there is none."""
    cluster, at = torch.empty(len(features), dtype=torch.long), 0
    for part in blocks(features):
        for some in part.split(ROWS):
            cluster[at : (at := at + len(some))] = torch.cdist(some, middle).argmin(1)
    highest = torch.full((len(features),), -1.0)
    order = cluster.argsort(stable=True)
    for members in order.split(torch.bincount(cluster, minlength=len(middle)).tolist()):
        if len(members):
            of_cluster = features[members]
            away = (of_cluster - middle[cluster[members[0]]]).norm(dim=1).argsort(descending=True, stable=True)
            highest[members[away]] = _highest_before(torch.nn.functional.normalize(of_cluster[away], dim=1))
    return highest


def _highest_before(unit: Float[Tensor, "n dim"]) -> Float[Tensor, " n"]:
    """Highest cosine of each with one that stands before it; -1 for the first."""
    found = []
    for start in range(0, len(unit), ROWS):
        cosines = unit[start : start + ROWS] @ unit[: start + ROWS].T
        later = torch.arange(cosines.shape[1]) >= torch.arange(start, start + len(cosines))[:, None]
        found.append(cosines.masked_fill_(later, -1.0).max(1).values)
    return torch.cat(found)

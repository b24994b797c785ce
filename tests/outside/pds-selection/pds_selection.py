"""The selection half of PDS: drop pairs whose sides disagree, cluster each side, keep one pair near each prototype."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import vlbench

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True)
class PDSOptions:
    """What is dropped, and how clusters are found."""

    drop: float = vlbench.option(
        0.2, minimum=0, below=1, help="share of pairs dropped first, those whose sides agree least"
    )
    iterations: int = vlbench.option(20, minimum=1, help="of k-means on each side")


class PDSSelection(vlbench.Selector):
    """PDS (ICLR 2026, arXiv 2602.19756) without its image generator: its prototypes choose real pairs.

    The published method embeds with CLIP and generates an image from each prototype. Here both sides are embedded by
    the reference student, and the real pair nearest to a prototype is kept.
    """

    def select(self, features: Tensor, size: int, generator: Generator) -> Tensor:
        """Positions int64 [size] out of features float32 [candidate, 2 * embedding]."""
        import torch

        first, second = features.chunk(2, dim=1)
        agreement = (first * second).sum(1)
        count = max(size, round(len(features) * (1 - self.options.drop)))
        kept = agreement.argsort(descending=True, stable=True)[:count].sort().values
        ones, one_centres = k_means(first[kept], size, self.options.iterations, generator)
        twos, two_centres = k_means(second[kept], size, self.options.iterations, generator)
        shared = torch.zeros(size, size, dtype=torch.long)  # pairs in both clusters
        shared.index_put_((ones, twos), torch.ones_like(ones), accumulate=True)
        columns = matched(shared)
        fallback = torch.cat([one_centres, two_centres[columns]], dim=1)
        return kept[nearest_pairs(features[kept], columns[ones] == twos, ones, fallback)]


def k_means(points: Tensor, size: int, iterations: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Lloyd's algorithm from ``size`` drawn points; a centre that loses all points stays where it is.

    Returns:
        cluster of each point int64 [point], centres float32 [size, dim].
    """
    import torch

    centres = points[torch.randperm(len(points), generator=generator)[:size]].clone()
    for _ in range(iterations):
        cluster = nearest(points, centres)
        counts = torch.bincount(cluster, minlength=size)
        sums = torch.zeros_like(centres).index_add_(0, cluster, points)
        centres = torch.where(counts[:, None] > 0, sums / counts.clamp_min(1)[:, None], centres)
    return nearest(points, centres), centres


def nearest(points: Tensor, centres: Tensor) -> Tensor:
    """Position of the nearest centre, int64 [point]."""
    import torch

    half = centres.square().sum(1) / 2
    return torch.cat([(half - part @ centres.T).argmin(1) for part in points.split(4096)])


def matched(shared: Tensor) -> Tensor:
    """Column of each row int64 [row], each column once, such that the sum of ``shared`` is the highest."""
    import torch
    from scipy.optimize import linear_sum_assignment

    _, columns = linear_sum_assignment(shared.numpy(), maximize=True)
    return torch.from_numpy(columns).long()


def nearest_pairs(features: Tensor, is_shared: Tensor, cluster: Tensor, fallback: Tensor) -> Tensor:
    """For each matched cluster its shared pair nearest to their mean; without one, a free pair nearest to its centres.

    Args:
        features: float32 [pair, dim].
        is_shared: bool [pair]; the pair lies in a first-side cluster and in the second-side cluster matched to it.
        cluster: int64 [pair]; first-side cluster.
        fallback: float32 [cluster, dim]; both sides' own centres.

    Returns:
        int64 [cluster], each position once.
    """
    import torch

    chosen = torch.full((len(fallback),), -1, dtype=torch.long)
    for row in cluster[is_shared].unique().tolist():
        members = (is_shared & (cluster == row)).nonzero()[:, 0]
        distance = (features[members] - features[members].mean(0)).square().sum(1)
        chosen[row] = members[distance.argmin()]
    free = torch.ones(len(features), dtype=torch.bool)
    free[chosen[chosen >= 0]] = False
    for row in (chosen < 0).nonzero()[:, 0].tolist():
        distance = (features - fallback[row]).square().sum(1).masked_fill(~free, torch.inf)
        chosen[row] = distance.argmin()
        free[chosen[row]] = False
    return chosen


@vlbench.hookimpl
def vlbench_methods() -> list[vlbench.MethodSpec]:
    """One selector."""
    return [
        vlbench.MethodSpec(
            name="pds-selection",
            target="pds_selection:PDSSelection",
            family="selection",
            summary="Agreeing pairs nearest to prototypes of both sides' clusters.",
            options=PDSOptions,
            paper="Prototype-guided dataset synthesis (PDS), ICLR 2026, arXiv 2602.19756: its selection half",
        )
    ]

"""k-means: one real pair near each prototype."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Generator, Tensor

import vlbench
from vlbench_coresets.blocks import squared_norms


class KMeans(vlbench.Selector):
    """As many clusters as pairs, and of each the real pair nearest to its centre.

    The selection half of PDS (ICLR 2026) and the start of MDM (CVPR 2026), on both sides' embeddings, concatenated.

    PDS clusters either side and matches the clusters; here a pair is one point. An empty cluster's place, and that of a
    pair taken before, goes to the nearest pair that is free.
    """

    def select(self, features: Tensor, size: int, generator: Generator) -> Tensor:
        """Positions int64 [size] out of features float32 [candidate, dim]."""
        return nearest_to_centres(features, centres(features, size, self.options.iterations, generator))


def centres(
    features: Float[Tensor, "n dim"], size: int, iterations: int, generator: Generator
) -> Float[Tensor, "size dim"]:
    """Of Lloyd's algorithm from k-means++ (scikit-learn)."""
    from sklearn.cluster import KMeans as Lloyd

    seed = int(torch.randint(2**31 - 1, (), generator=generator))
    distinct = len(torch.unique(features, dim=0)) if size > len(features) // 2 else size
    # Beyond the number of distinct points scikit-learn warns, and repeats centres; so does what is returned here.
    found = Lloyd(min(size, distinct), n_init=1, max_iter=iterations, random_state=seed).fit(features.numpy())
    made = torch.from_numpy(found.cluster_centers_).to(features)
    return made[torch.arange(size) % len(made)]


def nearest_to_centres(features: Float[Tensor, "n dim"], middle: Float[Tensor, "size dim"]) -> Int[Tensor, " size"]:
    """The free pair nearest to each centre, in the order of the centres, each pair once."""
    chosen, half = torch.empty(len(middle), dtype=torch.long), squared_norms(features) / 2  # [n]
    for index, centre in enumerate(middle):
        chosen[index] = torch.addmv(half, features, centre, alpha=-1).argmin()
        half[chosen[index]] = torch.inf
    return chosen

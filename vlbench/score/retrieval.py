"""Exact retrieval through FAISS and recall at K, ties counted against the model.

A query is a hit at K if any of its matching items is among the first K. An item that does not match but scores at
least as high as the best matching one stands before it. The K + m nearest neighbours (m: the most matching items a
query has) decide that exactly: were K or more others at least as high, at least K of them are in that list.
"""

from __future__ import annotations

from math import comb

import faiss
import numpy as np
import torch
from torch import Tensor

CUTS = (1, 5, 10)
ROUNDING = 1e-6
"""Cosines that differ by less are equal: in float32 the product with one and the same vector, such as that of a caption
that occurs twice, depends on where in the gallery it stands."""


def best_ranks(queries: Tensor, gallery: Tensor, matches: Tensor, *, depth: int = CUTS[-1]) -> Tensor:
    """Rank of each query's best matching item.

    Args:
        queries: float32 [query, dim], unit length.
        gallery: float32 [item, dim], unit length.
        matches: int64 [pair, 2]: which gallery items belong to which query.
        depth: ranks above this are not told apart.

    Returns:
        int64 [query]: 1 + the number of items that do not match and score at least as high, up to rounding, as the best
        that does; ``depth + 1`` where that is more than ``depth``.
    """
    most = int(torch.bincount(matches[:, 0], minlength=len(queries)).max())
    found, neighbours = _search(queries, gallery, min(depth + most, len(gallery)))
    size = len(gallery)
    known = np.sort(matches[:, 0].numpy() * size + matches[:, 1].numpy())
    code = np.arange(len(queries))[:, None] * size + neighbours
    is_match = known[np.searchsorted(known, code).clip(max=len(known) - 1)] == code
    best = np.where(is_match, found, -np.inf).max(1, keepdims=True)
    before = ((found >= best - ROUNDING) & ~is_match).sum(1)
    return torch.from_numpy(np.where(np.isfinite(best[:, 0]), np.minimum(before, depth), depth) + 1)


def _search(queries: Tensor, gallery: Tensor, count: int) -> tuple[np.ndarray, np.ndarray]:
    index = faiss.IndexFlatIP(gallery.shape[1])
    index.add(np.ascontiguousarray(gallery.numpy(), dtype=np.float32))
    similarity, neighbour = index.search(np.ascontiguousarray(queries.numpy(), dtype=np.float32), count)
    return similarity, neighbour


def recalls(ranks: Tensor, cuts: tuple[int, ...] = CUTS) -> dict[str, float]:
    """Percent of queries whose best matching item is within each cut: ``{"R@1": ..}``."""
    return {f"R@{cut}": 100 * float((ranks <= cut).double().mean()) for cut in cuts}


def direction(query_side: str, gallery_side: str) -> str:
    """Name of a direction in records, as ``image_to_text``."""
    return f"{query_side}_to_{gallery_side}"


def score_embeddings(embeddings: dict[str, Tensor], pairs: Tensor) -> dict[str, dict[str, float]]:
    """Recall in both directions.

    Args:
        embeddings: both sides, query side of the first direction first, float32 [item, dim] of unit length.
        pairs: int64 [pair, 2].

    Returns:
        direction -> ``{"R@1": .., "R@5": .., "R@10": ..}`` in percent.
    """
    first, second = embeddings
    return {
        direction(first, second): recalls(best_ranks(embeddings[first], embeddings[second], pairs)),
        direction(second, first): recalls(best_ranks(embeddings[second], embeddings[first], pairs.flip(1))),
    }


def mean_recall(scores: dict[str, dict[str, float]]) -> float:
    """Mean of all recalls of both directions."""
    values = [value for by_cut in scores.values() for value in by_cut.values()]
    return sum(values) / len(values)


def chance(counts: dict[str, int], pairs: Tensor) -> dict[str, dict[str, float]]:
    """Expected recalls of a model that ranks at random.

    A query with m of n gallery items matching misses at K with probability C(n - m, K) / C(n, K).

    Args:
        counts: items on either side, first side first.
        pairs: int64 [pair, 2].
    """
    first, second = counts
    out = {}
    for query, gallery, columns in ((first, second, pairs), (second, first, pairs.flip(1))):
        matching = torch.bincount(columns[:, 0], minlength=counts[query]).tolist()
        size = counts[gallery]
        hit = {
            m: {cut: 1 - comb(size - m, cut) / comb(size, cut) if size >= cut else 1.0 for cut in CUTS}
            for m in set(matching)
        }
        out[direction(query, gallery)] = {
            f"R@{cut}": 100 * sum(hit[m][cut] for m in matching) / len(matching) for cut in CUTS
        }
    return out

"""Exact retrieval through FAISS: the rank of every query, ties counted against the model, and recall at K.

A query is a hit at K if any of its matching items is among the first K. An item that does not match but scores at
least as high as the best matching one stands before it. The K + m nearest neighbours (m: the most matching items a
query has) decide that exactly where the last of them scores lower than the best matching item. The ranks of the other
queries are counted in their similarities to the whole gallery.
"""

from __future__ import annotations

from math import comb
from typing import Any

import faiss
import numpy as np
import torch
from torch import Tensor

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]
Ranks = dict[str, Tensor]
"""Direction -> int64 [query]."""

CUTS = (1, 5, 10)
UNMATCHED = 2**31 - 1
"""Rank of a query without a matching item: a miss at every cut."""
BLOCK = 1 << 22
"""Similarities that are held at a time."""
ROUNDING = 1e-6
"""Cosines that differ by less are equal: in float32 the product with one and the same vector, such as that of a caption
that occurs twice, depends on where in the gallery it stands."""


def best_ranks(queries: Tensor, gallery: Tensor, matches: Tensor) -> Tensor:
    """Rank of each query's best matching item.

    Args:
        queries: float32 [query, dim], unit length.
        gallery: float32 [item, dim], unit length.
        matches: int64 [pair, 2]: which gallery items belong to which query.

    Returns:
        int64 [query]: 1 + the number of items that do not match and score at least as high, up to rounding, as the best
        that does; ``UNMATCHED`` for a query without a matching item.
    """
    size = len(gallery)
    known = np.unique(matches[:, 0].numpy() * size + matches[:, 1].numpy())
    degree = np.bincount(known // size, minlength=len(queries))
    found, neighbours = _search(queries, gallery, min(CUTS[-1] + int(degree.max()), size))
    code = np.arange(len(queries))[:, None] * size + neighbours
    is_match = known[np.searchsorted(known, code).clip(max=len(known) - 1)] == code
    best = np.where(is_match, found, -np.inf).max(1)
    ranks = 1 + ((found >= best[:, None] - ROUNDING) & ~is_match).sum(1)
    ranks[degree == 0] = UNMATCHED
    settled = (found[:, -1] < best - ROUNDING) | (found.shape[1] == size) | (degree == 0)
    rest = np.flatnonzero(~settled)
    ranks[rest] = _count(queries.numpy(), gallery.numpy(), known, rest)
    return torch.from_numpy(ranks)


def _count(queries: Array, gallery: Array, known: Array, rows: Array) -> Array:
    """Ranks of the queries ``rows``, each with a match, from all their similarities, a block of queries at a time.

    ``known`` holds query * size of the gallery + item of every match, sorted.
    """
    ranks = np.empty(len(rows), dtype=np.int64)
    place = np.full(len(queries), -1)
    place[rows] = np.arange(len(rows))
    at, item = place[known // len(gallery)], known % len(gallery)
    at, item = at[at >= 0], item[at >= 0]
    step = max(1, BLOCK // len(gallery))
    for start in range(0, len(rows), step):
        block = queries[rows[start : start + step]] @ gallery.T
        pairs = slice(*np.searchsorted(at, (start, start + len(block))))
        row = at[pairs] - start
        own = block[row, item[pairs]]
        least = np.full(len(block), -np.inf, dtype=np.float32)
        np.maximum.at(least, row, own)
        least -= np.float32(ROUNDING)
        before = np.count_nonzero(block >= least[:, None], axis=1)
        ranks[start : start + step] = 1 + before - np.bincount(row[own >= least[row]], minlength=len(block))
    return ranks


def _search(queries: Tensor, gallery: Tensor, count: int) -> tuple[Array, Array]:
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


def rank_embeddings(embeddings: dict[str, Tensor], pairs: Tensor) -> Ranks:
    """Ranks of all queries in both directions.

    Args:
        embeddings: both sides, query side of the first direction first, float32 [item, dim] of unit length.
        pairs: int64 [pair, 2].
    """
    first, second = embeddings
    return {
        direction(first, second): best_ranks(embeddings[first], embeddings[second], pairs),
        direction(second, first): best_ranks(embeddings[second], embeddings[first], pairs.flip(1)),
    }


def score_embeddings(embeddings: dict[str, Tensor], pairs: Tensor) -> dict[str, dict[str, float]]:
    """Recalls of :func:`rank_embeddings`, in percent."""
    return score_ranks(rank_embeddings(embeddings, pairs))


def score_ranks(ranks: Ranks) -> dict[str, dict[str, float]]:
    """Direction -> ``{"R@1": .., "R@5": .., "R@10": ..}`` in percent."""
    return {name: recalls(of_queries) for name, of_queries in ranks.items()}


def clusters(pairs: Tensor, counts: dict[str, int]) -> Ranks:
    """Which first-side item (an image, with its captions) each query of either direction belongs to.

    A second-side item of several belongs to the first of them; one of none is a cluster of its own, numbered on.

    Args:
        pairs: int64 [pair, 2].
        counts: items on either side, first side first.
    """
    first, second = counts
    owner = counts[first] + torch.arange(counts[second])
    owner = owner.scatter_reduce(0, pairs[:, 1], pairs[:, 0], "amin")
    return {direction(first, second): torch.arange(counts[first]), direction(second, first): owner}


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

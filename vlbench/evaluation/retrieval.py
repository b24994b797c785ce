"""Exact retrieval through FAISS: the rank of every query, ties counted against the model, and recall at K.

A query is a hit at K if any of its matching items is among the first K. An item that does not match but scores at
least as high as the best matching one stands before it. The K + m nearest neighbours (m: the most matching items a
query has) decide that exactly where the last of them scores lower than the best matching item. The ranks of the other
queries are counted in their similarities to the whole gallery, each of which serves both directions. Where a sample of
queries says that the nearest neighbours would decide too few, all are counted, at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import comb
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vlbench.errors import NotFiniteError
from vlbench.evaluation.nearest import nearest
from vlbench.finite import which_not_finite

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]
Ranks = dict[str, Tensor]
"""Direction -> int64 [query]."""

CUTS = (1, 5, 10)
UNMATCHED = 2**31 - 1
"""Rank of a query without a matching item: a miss at every cut."""
BLOCK = 200
"""Queries whose similarities to the whole gallery are held at a time; at most 255, so that a byte counts them."""
SAMPLE, FEW = 64, 0.75
"""Queries of a direction that are tried, and the share of them below which the nearest neighbours decide too few."""
ROUNDING = 1e-6
"""Cosines that differ by less are equal: in float32 the product with one and the same vector, such as that of a caption
that occurs twice, depends on where in the gallery it stands."""


def rank_embeddings(embeddings: dict[str, Tensor], pairs: Tensor) -> Ranks:
    """Rank of each query's best matching item, in both directions.

    Args:
        embeddings: both sides, query side of the first direction first, float32 [item, dim] of unit length.
        pairs: int64 [pair, 2]: which items of the two sides belong together.

    Returns:
        for each direction int64 [query]: 1 + the number of items that do not match and score at least as high, up to
        rounding, as the best that does; ``UNMATCHED`` for a query without a matching item.

    Raises:
        NotFiniteError: an embedding is not finite: compared with NaN, nothing would stand before a match.
    """
    for side, values in embeddings.items():
        if bad := which_not_finite(values):
            raise NotFiniteError(f"side {side!r}: embeddings are not finite for {bad}; they have no rank.")
    first, second = (np.ascontiguousarray(values.numpy(), dtype=np.float32) for values in embeddings.values())
    code = np.unique(pairs[:, 0].numpy() * len(second) + pairs[:, 1].numpy())
    known = np.stack([code // len(second), code % len(second)])
    ways = ((first, second, known), (second, first, known[::-1]))
    search = _unsettled if min(_share_settled(*way) for way in ways) < FEW else _nearest
    ranks, settled = zip(*(search(*way) for way in ways), strict=True)
    before = _count(first, second, known, settled)
    for of_side, fixed, counted in zip(ranks, settled, before, strict=True):
        of_side[~fixed] = 1 + counted[~fixed]
    one, other = embeddings
    return {direction(one, other): torch.from_numpy(ranks[0]), direction(other, one): torch.from_numpy(ranks[1])}


def _nearest(queries: Array, gallery: Array, known: Array) -> tuple[Array, Array]:
    """Ranks by the nearest neighbours, and which of them are settled by these, int64 and bool [query].

    ``known`` holds query and gallery item of every match, int64 [2, pair].
    """
    size = len(gallery)
    degree = np.bincount(known[0], minlength=len(queries))
    found, neighbours = nearest(queries, gallery, min(CUTS[-1] + int(degree.max()), size))
    matching = np.sort(known[0] * size + known[1])
    code = np.arange(len(queries))[:, None] * size + neighbours
    is_match = matching[np.searchsorted(matching, code).clip(max=len(matching) - 1)] == code
    best = np.where(is_match, found, -np.inf).max(1)
    ranks = 1 + ((found >= best[:, None] - ROUNDING) & ~is_match).sum(1)
    ranks[degree == 0] = UNMATCHED
    return ranks, (found[:, -1] < best - ROUNDING) | (found.shape[1] == size) | (degree == 0)


def _share_settled(queries: Array, gallery: Array, known: Array) -> float:
    """How many of a sample of the queries their nearest neighbours settle; 1 where all are not much more."""
    chosen = np.arange(0, len(queries), -(-len(queries) // SAMPLE))
    place = np.searchsorted(chosen, known[0]).clip(max=len(chosen) - 1)
    inside = chosen[place] == known[0]
    if len(queries) < 4 * SAMPLE or not inside.any():
        return 1.0
    return float(_nearest(queries[chosen], gallery, np.stack([place[inside], known[1][inside]]))[1].mean())


def _unsettled(queries: Array, gallery: Array, known: Array) -> tuple[Array, Array]:
    """As :func:`_nearest`, with nothing settled but what has no match."""
    del gallery
    alone = np.bincount(known[0], minlength=len(queries)) == 0
    return np.full(len(queries), UNMATCHED, dtype=np.int64), alone


def _count(first: Array, second: Array, known: Array, settled: Sequence[Array]) -> tuple[Array, Array]:
    """How many items that do not match stand before the best match of each query that is not settled, on either side.

    A similarity is computed once for both directions, and not at all where both of its items are settled. ``known`` is
    int64 [2, pair], sorted by its first row; of settled queries the counts mean nothing.
    """
    own = np.concatenate([np.einsum("pd,pd->p", first[some[0]], second[some[1]]) for some in _parts(known, 4096)])
    least = [np.full(len(of_side), np.inf, dtype=np.float32) for of_side in settled]
    for items, of_side, done in zip(known, least, settled, strict=True):
        of_side[~done] = -np.inf
        np.maximum.at(of_side, items, own)
        of_side -= np.float32(ROUNDING)
    before = [np.zeros(len(of_side), dtype=np.int64) for of_side in settled]
    everything = np.ones(len(second), dtype=bool)
    for rows, columns in ((~settled[0], everything), (settled[0], ~settled[1])):
        gallery, bounds = second[columns], least[1][columns]
        inside = rows[known[0]] & columns[known[1]]
        row, column = known[0][inside], (np.cumsum(columns) - 1)[known[1][inside]]
        for chosen in _parts(np.flatnonzero(rows), BLOCK):
            block = first[chosen] @ gallery.T
            part = slice(*np.searchsorted(row, (chosen[0], chosen[-1] + 1)))
            block[np.searchsorted(chosen, row[part]), column[part]] = -np.inf
            before[0][chosen] += [np.count_nonzero(line) for line in block >= least[0][chosen, None]]
            before[1][columns] += (block >= bounds).view(np.uint8).sum(0, dtype=np.uint8)
    return before[0], before[1]


def _parts(values: Array, size: int) -> Iterator[Array]:
    """Of int64 [..., count], so many at a time."""
    return (values[..., start : start + size] for start in range(0, values.shape[-1], size))


def recalls(ranks: Tensor, cuts: tuple[int, ...] = CUTS) -> dict[str, float]:
    """Percent of queries whose best matching item is within each cut: ``{"R@1": ..}``."""
    return {f"R@{cut}": 100 * float((ranks <= cut).double().mean()) for cut in cuts}


def direction(query_side: str, gallery_side: str) -> str:
    """Name of a direction in records, as ``image_to_text``."""
    return f"{query_side}_to_{gallery_side}"


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

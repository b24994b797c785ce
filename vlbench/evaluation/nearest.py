"""The search for nearest neighbours: FAISS, on a GPU where FAISS finds one, in blocks of the gallery that fit there."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any

import faiss
import numpy as np
import torch

Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

MOST_ON_GPU = 2048
"""Neighbours that FAISS's GPU index finds at most."""
BLOCK_BYTES = 4 << 30
"""Of a gallery that lie on the GPU at a time."""
_ON_GPU = Lock()
"""One search at a time: FAISS's memory on the GPU is not for several threads."""


def nearest(queries: Array, gallery: Array, count: int) -> tuple[Array, Array]:
    """The ``count`` gallery items of the highest inner product with each query, highest first.

    Args:
        queries, gallery: float32 [query, dim] and [item, dim].
        count: at most the items.

    Returns:
        products, float32, and positions in the gallery, int64: [query, count].

    Examples:
        >>> import numpy as np
        >>> from vlbench.evaluation.nearest import nearest
        >>> products, found = nearest(np.eye(2, dtype=np.float32), np.float32([[1, 0], [0, 3], [2, 0]]), 2)
        >>> found.tolist()
        [[2, 0], [1, 0]]
    """
    if count <= MOST_ON_GPU and faiss.get_num_gpus() > 0:
        with _ON_GPU:
            return _on_gpu(queries, gallery, count)
    faiss.omp_set_num_threads(torch.get_num_threads())  # of the calling thread alone
    return _search(faiss.IndexFlatIP(gallery.shape[1]), queries, gallery, count)


@cache
def _resources() -> Any:
    """FAISS's memory on the GPU: one for the process, since making it takes longer than a search."""
    return faiss.StandardGpuResources()


def _on_gpu(queries: Array, gallery: Array, count: int) -> tuple[Array, Array]:
    rows = max(count, BLOCK_BYTES // (4 * gallery.shape[1]))
    products = np.empty((len(queries), 0), np.float32)
    positions = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(gallery), rows):
        block = gallery[start : start + rows]
        index = faiss.index_cpu_to_gpu(_resources(), 0, faiss.IndexFlatIP(gallery.shape[1]))
        found, at = _search(index, queries, block, min(count, len(block)))
        products, positions = np.hstack([products, found]), np.hstack([positions, at + start])
        best = np.argsort(-products, axis=1, kind="stable")[:, :count]
        products, positions = np.take_along_axis(products, best, 1), np.take_along_axis(positions, best, 1)
    return products, positions


def _search(index: Any, queries: Array, gallery: Array, count: int) -> tuple[Array, Array]:
    index.add(gallery)
    found: tuple[Array, Array] = index.search(queries, count)
    return found

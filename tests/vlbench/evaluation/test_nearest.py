"""The search on a GPU, by a stand-in of FAISS's calls: the CPU's hits, resources that are kept, galleries in blocks."""

from __future__ import annotations

from typing import ClassVar

import faiss
import numpy as np
import pytest
import torch

from vlbench.evaluation import nearest as search
from vlbench.evaluation.retrieval import rank_embeddings


class Resources:
    """In place of ``faiss.StandardGpuResources``, with what was asked of it."""

    made = 0
    sizes: ClassVar[list[int]] = []

    def __init__(self) -> None:
        type(self).made += 1


class OnGpu:
    """In place of an index on a GPU: it knows what lies there."""

    def __init__(self, index: faiss.Index) -> None:
        self.index = index

    def add(self, gallery: np.ndarray) -> None:
        Resources.sizes.append(gallery.nbytes)
        self.index.add(gallery)

    def search(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        return self.index.search(queries, count)


def to_gpu(resources: Resources, device: int, index: faiss.Index) -> OnGpu:
    assert isinstance(resources, Resources)
    assert (device, index.ntotal) == (0, 0)
    return OnGpu(index)


@pytest.fixture
def gpu(monkeypatch):
    search._resources.cache_clear()
    monkeypatch.setattr(Resources, "made", 0)
    monkeypatch.setattr(Resources, "sizes", [])
    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "StandardGpuResources", Resources, raising=False)
    monkeypatch.setattr(faiss, "index_cpu_to_gpu", to_gpu, raising=False)
    yield
    search._resources.cache_clear()


def unit(count, width, seed):
    values = torch.randn(count, width, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(values, dim=1)


def by_hand(queries, gallery, count):
    products = queries @ gallery.T
    order = np.argsort(-products, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(products, order, 1), order


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("rows", [1000, 100, 37, 1])
def test_a_gallery_in_blocks_has_the_nearest_of_all(rows, monkeypatch):
    queries, gallery = (unit(count, 8, seed).numpy() for seed, count in enumerate((20, 100)))
    monkeypatch.setattr(search, "BLOCK_BYTES", rows * 4 * 8)
    found, positions = search.nearest(queries, gallery, 12)
    expected, order = by_hand(queries, gallery, 12)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert np.array_equal(positions, order)
    assert max(Resources.sizes) <= max(rows, 12) * 4 * 8  # a block holds as many as are wanted, at least
    assert sum(Resources.sizes) == gallery.nbytes


@pytest.mark.usefixtures("gpu")
def test_resources_of_a_gpu_are_made_once():
    queries, gallery = (unit(count, 8, seed).numpy() for seed, count in enumerate((20, 100)))
    for _ in range(3):
        search.nearest(queries, gallery, 5)
    assert Resources.made == 1


@pytest.mark.usefixtures("gpu")
def test_more_neighbours_than_a_gpu_finds_are_searched_on_the_cpu(monkeypatch):
    monkeypatch.setattr(search, "MOST_ON_GPU", 4)
    queries, gallery = (unit(count, 8, seed).numpy() for seed, count in enumerate((20, 100)))
    assert np.array_equal(search.nearest(queries, gallery, 5)[1], by_hand(queries, gallery, 5)[1])
    assert not Resources.sizes


def test_ranks_on_a_gpu_are_those_of_the_cpu(request, monkeypatch):
    image = unit(60, 16, 0)
    order = torch.arange(300)
    text = torch.nn.functional.normalize(image[order // 5] + 0.2 * unit(300, 16, 1), dim=1)
    sides, pairs = {"image": image, "text": text}, torch.stack([order // 5, order], 1)
    here = rank_embeddings(sides, pairs)
    request.getfixturevalue("gpu")
    monkeypatch.setattr(search, "BLOCK_BYTES", 50 * 4 * 16)
    there = rank_embeddings(sides, pairs)
    assert Resources.sizes  # the nearest neighbours were searched there
    for name, ranks in here.items():
        assert torch.equal(ranks, there[name])

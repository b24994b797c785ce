"""Whether splits share items, and whether test is large enough: what a reader of scores should know of the data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from vlbench.data.pairs import PairDataset

    _Hashes = NDArray[np.bytes_]

VERSION = 1
"""Raised when a text changes, so that older ones are not found."""
FEWEST = 100
"""Test items below which a recall at 10 says little."""
SMALL, SMALL_COSINE = 8, 0.97
LARGE, LARGE_COSINE = 16, 0.97
"""Two pictures are near-duplicates if their thumbnails, of either width and less their mean, are so similar.

Among 4,000 different photographs no two reach 0.95 at 16 x 16, among the images of ``scenes`` none 0.9; a smooth
random picture stored again as a JPEG of quality 60 keeps 0.97 or more."""
_CHUNK = 2048


def survey(dataset: PairDataset) -> list[str]:
    """One sentence for each thing worth a warning.

    Equal items are found by their bytes. Near-duplicates of images (uint8 [item, channel, height, width]) are found by
    thumbnails: first all pairs of two splits at 8 x 8, then those that pass at 16 x 16. A changed brightness or
    contrast makes no difference, a flip does.
    """
    texts: list[str] = []
    for side in dataset.sides:
        if all(isinstance(split.items[side], Tensor) for split in dataset.splits.values()):
            texts += _shared(dataset, side)
    if "test" in dataset.splits:
        side = dataset.sides[0]
        count = dataset.split("test").count(side)
        if count < FEWEST:
            texts.append(f"Data: test holds {count} {side} items, under {FEWEST}, so a recall at 10 says little.")
    return texts


def _shared(dataset: PairDataset, side: str) -> Iterator[str]:
    equal: list[tuple[str, str]] = []
    near = 0
    hashes = {name: _hashes(split.items[side]) for name, split in dataset.splits.items()}
    thumbnails = {
        name: _Thumbnails(split.items[side]) for name, split in dataset.splits.items() if _is_images(split.items[side])
    }
    for one, other in combinations(dataset.splits, 2):
        places = _equal(hashes[one], hashes[other])
        equal += [(_name(dataset, one, side, a), _name(dataset, other, side, b)) for a, b in places]
        if one in thumbnails and other in thumbnails:
            near += thumbnails[one].near(thumbnails[other], {b for _, b in places})
    if equal:
        first, second = equal[0]
        text = f"{len(equal):,} (first: {first} = {second})"
        yield f"Data: items of side {side!r} with the same bytes in two splits: {text}."
    if near:
        yield f"Data: further near-duplicates of side {side!r} across splits: {near:,}."


def _equal(one: _Hashes, other: _Hashes) -> list[tuple[int, int]]:
    """The first item of one split, and the item of the other, wherever both hashes are equal."""
    values, first = np.unique(one, return_index=True)
    at = np.searchsorted(values, other).clip(max=len(values) - 1)
    same = np.flatnonzero(values[at] == other)
    return list(zip(first[at[same]].tolist(), same.tolist(), strict=True))


def _name(dataset: PairDataset, split: str, side: str, at: int) -> str:
    names = dataset.split(split).names.get(side, ())
    return f"{split} {names[at] if at < len(names) else at}"


def _hashes(items: Tensor) -> _Hashes:
    """Hash of each item's bytes."""
    rows = items.reshape(len(items), -1).view(torch.uint8).numpy()
    digest = partial(hashlib.blake2b, digest_size=16)
    return np.frombuffer(b"".join(digest(row.data).digest() for row in rows), "S16")


def _is_images(items: Tensor) -> bool:
    return items.ndim == 4 and items.dtype == torch.uint8


class _Thumbnails:
    """Unit vectors of small pictures less their mean, of all items at 8 x 8, and of some at 16 x 16."""

    def __init__(self, items: Tensor) -> None:
        self._items = items
        self.small = torch.cat([_thumbnails(part, SMALL) for part in items.split(_CHUNK)])

    def near(self, other: _Thumbnails, known: set[int]) -> int:
        """How many items of the other one look like an item of this one; those at the positions ``known`` aside."""
        found: set[int] = set()
        for start in range(0, len(other.small), _CHUNK):
            similar = other.small[start : start + _CHUNK] @ self.small.T >= SMALL_COSINE
            theirs, ours = similar.nonzero(as_tuple=True)
            theirs += start
            for part in torch.arange(len(theirs)).split(_CHUNK):
                ours_large, theirs_large = self._large(ours[part]), other._large(theirs[part])
                close = (ours_large * theirs_large).sum(1) >= LARGE_COSINE
                found |= set(theirs[part][close].tolist())
        return len(found - known)

    def _large(self, at: Tensor) -> Tensor:
        return _thumbnails(self._items[at], LARGE)


def _thumbnails(items: Tensor, width: int) -> Tensor:
    """Unit vectors float32 [item, channel * width * width]; zero where a picture is of one colour."""
    flat = F.adaptive_avg_pool2d(items.float(), width).flatten(1)
    flat = flat - flat.mean(1, keepdim=True)
    return F.normalize(flat, dim=1) * (flat.square().mean(1, keepdim=True) > 1)

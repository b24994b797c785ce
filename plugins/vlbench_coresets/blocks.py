"""Passes over features a block at a time: as large as they may be, nothing of their size is made or stays mapped."""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

BLOCK = 65_536
"""Pairs that are looked at together."""
FEW = 1024
_on_shared_file = WeakIdKeyDictionary()
"""Tensor -> what was found; every pass asks, and the list of all that is mapped is long."""
_DONTNEED = 4
"""Of Linux: pages leave this process; those of a shared file stay in the file and in the system's cache."""


def squared_norms(features: Float[Tensor, "n dim"]) -> Float[Tensor, " n"]:
    """Squared length of each row; a few rows at a time, whose squares stay in the processor's cache."""
    return torch.cat([rows.square().sum(1) for part in blocks(features) for rows in part.split(FEW)])


def blocks(features: Float[Tensor, "n dim"]) -> Iterator[Tensor]:
    """Parts [block, dim] in order; of features on a shared file, each leaves memory when the next is asked for."""
    mapped = on_shared_file(features)
    for part in features.split(BLOCK):
        yield part
        if mapped:
            _release(part)


def whole_or_blocks(features: Float[Tensor, "n dim"]) -> Iterator[Tensor]:
    """Features in memory as one part, others in blocks: where one call is faster than several."""
    return blocks(features) if on_shared_file(features) else iter([features])


def on_shared_file(features: Tensor) -> bool:
    """Whether a tensor lies on a file that the process shares with the system (Linux; elsewhere no)."""
    if features not in _on_shared_file:
        _on_shared_file[features] = _lies_on_shared_file(features)
    return bool(_on_shared_file[features])


def _lies_on_shared_file(features: Tensor) -> bool:
    if not sys.platform.startswith("linux") or not features.numel() or features.device.type != "cpu":
        return False
    at = features.data_ptr()
    with Path("/proc/self/maps").open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            span, access, _offset, _device, inode = line.split()[:5]
            first, last = (int(bound, 16) for bound in span.split("-"))
            if first <= at < last:
                return access.endswith("s") and inode != "0"
    return False


def _release(part: Tensor) -> None:
    """Whole pages of a part on a shared file; what was written to them is in the file."""
    page = mmap.PAGESIZE
    first = -(-part.data_ptr() // page) * page
    length = (part.data_ptr() + part.nbytes) // page * page - first
    if length > 0:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), _DONTNEED)

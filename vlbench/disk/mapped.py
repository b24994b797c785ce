"""Tensors that lie on a file: which file that is, and a second view of it that is private (Linux; elsewhere none)."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

_REGION = re.compile(r"([0-9a-f]+)-([0-9a-f]+) \S+ ([0-9a-f]+) ([0-9a-f]+):([0-9a-f]+) (\d+) +(/.*)")
_PROCESS = Path("/proc/self")
_CHANGED = ("Anonymous:", "Swap:")
"""Pages of a private view that were written to, and so are copies."""


@dataclass(frozen=True)
class Mapped:
    """Where a tensor lies.

    Attributes:
        path: of the file.
        offset: of the tensor's first byte in it.
        changed: whether pages of this view were written to.
    """

    path: Path
    offset: int
    changed: bool

    def state(self) -> tuple[int, int, int]:
        """Changes when the file's content does, whichever way it is written to by a path: inode, bytes, time."""
        found = self.path.stat()
        return found.st_ino, found.st_size, found.st_mtime_ns


def mapped(tensor: Tensor) -> Mapped | None:
    """The file that a tensor on the CPU lies on; None where it lies in memory, or where the system does not say."""
    first, length = tensor.data_ptr(), tensor.nbytes
    if not length or tensor.device.type != "cpu" or not tensor.is_contiguous():
        return None
    try:
        regions = filter(None, map(_REGION.fullmatch, _lines("maps")))
        return next((found for match in regions if (found := _within(match, first, first + length))), None)
    except OSError:
        return None


def _lines(name: str) -> Iterator[str]:
    with (_PROCESS / name).open(encoding="utf-8", errors="surrogateescape") as lines:
        yield from (line.rstrip("\n") for line in lines)


def _within(match: re.Match[str], first: int, end: int) -> Mapped | None:
    start, stop, offset = (int(match[number], 16) for number in (1, 2, 3))
    if not start <= first <= end <= stop:
        return None
    path, device = Path(match[7]), (int(match[4], 16), int(match[5], 16))
    about = path.stat()  # of a file that was removed, or replaced: another one, or none
    if about.st_ino != int(match[6]) or (os.major(about.st_dev), os.minor(about.st_dev)) != device:
        return None
    return Mapped(path, offset + first - start, _is_changed(match[0]))


def _is_changed(region: str) -> bool:
    """Whether pages of a region are no longer those of its file; the system walks them, which takes milliseconds."""
    lines = _lines("smaps")
    for line in lines:
        if line == region:
            break
    details = itertools.takewhile(lambda line: not line.startswith("VmFlags:"), lines)
    return any(int(line.split()[1]) > 0 for line in details if line.startswith(_CHANGED))


def private_view(tensor: Tensor) -> Tensor | None:
    """The same content on the same file, of which every page that is written to becomes a copy; None if in memory."""
    import numpy as np
    import torch

    found = mapped(tensor)
    if found is None or found.changed:
        return None
    content = np.memmap(found.path, np.uint8, "c", found.offset, (tensor.nbytes,))
    return torch.from_numpy(content).view(tensor.dtype).view(tensor.shape)

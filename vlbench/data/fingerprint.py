"""SHA-256 over content: of a dataset, or of named tensors. The same on every machine, and streaming."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from vlbench.errors import DataError

if TYPE_CHECKING:
    from hashlib import _Hash

    from torch import Tensor

    from vlbench.data.pairs import Items, Split

_CHUNK_BYTES = 1 << 24


def fingerprint(sides: Sequence[str], splits: Mapping[str, Split]) -> str:
    """SHA-256 over the items of both sides and the pairs of every split, in hexadecimal.

    Printable names of items and the order of ``splits`` play no part. A tensor on a memory map is read in chunks of
    16 MiB, so a dataset larger than memory can be hashed.

    Args:
        sides: side names; their order counts, since ``pairs`` has a column for each.
        splits: split name -> split.

    Raises:
        vlbench.errors.DataError: a side is neither a tensor nor a sequence of str.

    Examples:
        >>> import torch, vlbench
        >>> split = vlbench.Split({"image": torch.zeros(1, 3, 8, 8), "text": ["black"]}, torch.tensor([[0, 0]]))
        >>> len(vlbench.fingerprint(("image", "text"), {"train": split, "val": split, "test": split}))
        64
    """
    digest = hashlib.sha256(b"vlbench data 1\n")
    for name in sorted(splits):
        split = splits[name]
        for side in sides:
            _add_text(digest, f"{name}/{side}")
            _add_items(digest, split.items[side], where=f"{name}/{side}")
        _add_text(digest, f"{name}/pairs")
        _add_tensor(digest, split.pairs)
    return digest.hexdigest()


def tensors_fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, dtypes, shapes and content of tensors (a state dict, say), in hexadecimal."""
    digest = hashlib.sha256(b"vlbench tensors 1\n")
    for name in sorted(tensors):
        _add_text(digest, name)
        _add_tensor(digest, tensors[name])
    return digest.hexdigest()


def _add_items(digest: _Hash, items: Items, *, where: str) -> None:
    import torch

    if isinstance(items, torch.Tensor):
        _add_tensor(digest, items)
        return
    digest.update(f"texts {len(items)}\n".encode())
    for item in items:
        if not isinstance(item, str):
            raise DataError(f"{where}: an item is a {type(item).__name__}; items are one tensor, or a list of str.")
        _add_text(digest, item)


def _add_text(digest: _Hash, text: str) -> None:
    # The length goes first, so that ["ab", "c"] and ["a", "bc"] differ. Lone surrogates have no UTF-8 of their own.
    content = text.encode("utf-8", "surrogatepass")
    digest.update(f"{len(content)}:".encode())
    digest.update(content)


def _add_tensor(digest: _Hash, tensor: Tensor) -> None:
    digest.update(f"{tensor.dtype} {list(tensor.shape)}\n".encode())
    for chunk in _chunks(tensor.detach()):
        digest.update(chunk)


def _chunks(tensor: Tensor) -> Iterator[memoryview]:
    """Bytes of a tensor in row-major order, little-endian, a bounded number at a time."""
    import torch

    flat = tensor.reshape(-1)
    step = _CHUNK_BYTES // tensor.element_size()
    for start in range(0, len(flat), step):
        array = flat[start : start + step].cpu().contiguous().view(torch.uint8).numpy()
        if sys.byteorder == "big":
            array = array.reshape(-1, tensor.element_size())[:, ::-1].copy()
        yield array.data

"""How learned numbers are stored: float32, float16, or 8 bit with a scale and an offset for each vector or item."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Storage = Literal["float32", "float16", "uint8"]
_BYTES: dict[Storage, int] = {"float32": 4, "float16": 2, "uint8": 1}
_SCALE_BYTES = 8


def pack(values: Tensor, storage: Storage) -> tuple[Tensor, Tensor | None]:
    """Values [item, ...] as they are stored, and float32 [item, 2] (scale, offset) where that is 8 bit.

    An item's 256 levels lie at even distances from its least to its greatest value, so that none is off by more than
    half a level.

    Examples:
        >>> import torch, vlbench
        >>> levels, scales = vlbench.artifacts.pack(torch.tensor([[0.0, 1.0, 2.55]]), "uint8")
        >>> levels, scales.shape
        (tensor([[  0, 100, 255]], dtype=torch.uint8), torch.Size([1, 2]))
    """
    if storage != "uint8":
        return values.to(torch.float16 if storage == "float16" else torch.float32), None
    flat = values.detach().float().flatten(1)
    low, high = flat.min(1).values, flat.max(1).values
    scales = torch.stack([(high - low) / 255, low], 1)
    steps = (flat - low[:, None]) / scales[:, :1].clamp_min(torch.finfo(torch.float32).tiny)
    return steps.round().clamp(0, 255).to(torch.uint8).reshape(values.shape), scales


def unpack(stored: Tensor, scales: Tensor | None = None) -> Tensor:
    """What :func:`pack` stored, as float32 [item, ...].

    Examples:
        >>> import torch, vlbench
        >>> vlbench.artifacts.unpack(*vlbench.artifacts.pack(torch.tensor([[0.0, 1.0, 2.55]]), "uint8"))
        tensor([[0.0000, 1.0000, 2.5500]])
    """
    if scales is None:
        return stored.float()
    scale, offset = scales.float().unbind(1)
    shape = [-1] + [1] * (stored.ndim - 1)
    return stored.float() * scale.view(shape) + offset.view(shape)


def stored_bytes(numbers: int, storage: Storage) -> int:
    """Most bytes that one item or vector of so many numbers can weigh, its scale and offset included.

    Examples:
        >>> import vlbench
        >>> [vlbench.artifacts.stored_bytes(256, storage) for storage in ("float32", "float16", "uint8")]
        [1024, 512, 264]
    """
    return numbers * _BYTES[storage] + (_SCALE_BYTES if storage == "uint8" else 0)

"""What a work takes, without doing it: its floating-point operations, and the most bytes that are there at a time.

Tensors of the device ``meta`` have shapes and no values. Work on them goes through every operation, so that what it
would allocate and multiply can be counted where there is neither a GPU nor the time.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

DEVICE = "meta"


@dataclass(frozen=True)
class Footprint:
    """Of one call of a work.

    Attributes:
        flop: floating-point operations of its matrix products, convolutions and attention; two for a multiplication
            and its addition.
        peak_bytes: of all tensors that were made in it, at the moment when they are most.
    """

    flop: int
    peak_bytes: int


def footprint(work: Callable[[], object]) -> Footprint:
    """Count a work on tensors of the device ``meta``; what a number of them is asked for is 1.

    Examples:
        >>> import torch
        >>> from vlbench.perf.footprint import footprint
        >>> def product():
        ...     left = torch.empty(100, 10, device="meta")
        ...     return left @ torch.empty(10, 50, device="meta")
        >>> footprint(product)
        Footprint(flop=100000, peak_bytes=26000)
    """
    with _Counting() as counted:
        work()
    return Footprint(counted.flop, counted.peak)


class _Counting(TorchDispatchMode):
    """Adds a storage's bytes when an operation returns it first, and takes them off when nobody holds it any longer."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = self.flop = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            return 1.0
        out = func(*args, **(kwargs or {}))
        # torch's own counter follows modules by hooks, which second derivatives do not allow.
        if (formula := flop_registry.get(func._overloadpacket)) is not None:
            self.flop += formula(*args, **(kwargs or {}), out_val=out)
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor) and leaf.device.type == DEVICE:
                self._add(leaf.untyped_storage())
        return out

    def _add(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self._seen:
            return
        self._seen.add(key)
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._drop, key, size)

    def _drop(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.now -= size

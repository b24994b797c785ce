"""How work and memory of a method grow with the data: counted, not timed, so that a busy machine changes nothing.

Counted are elements that torch operations read and write (views are free, and a gather reads what it takes), bytes of
the largest tensor, and the peak of what Python and numpy allocate. What other compiled code does is not seen. A matrix
of all pairs is the commonest mistake of a selector, and the one that toys do not show: 84 GB at 145,000 pairs.
"""

from __future__ import annotations

import functools
import gc
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_GATHERS = frozenset(
    ("index", "index_select", "gather", "embedding", "index_put_", "index_put", "_index_put_impl_", "index_copy_")
)
SMALLEST = 0.1
"""Elements or bytes per pair of data items, below which growth is not reported."""


class _Torch(TorchDispatchMode):
    """Counts elements and remembers the largest tensor."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.elements = self.largest = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        is_view, reads_all, makes = _about(func)
        if not is_view:
            for tensor in _tensors((args if reads_all else args[1:], out if makes else ())):
                elements = tensor.numel()
                self.elements += elements
                self.largest = max(self.largest, elements * tensor.element_size())
        return out


@functools.cache
def _about(operation: Any) -> tuple[bool, bool, bool]:
    """Whether it is a view, whether it reads the whole of its first argument, and whether it makes what it returns."""
    name, _, _ = operation.__name__.partition(".")
    aliases = [made.alias_info for made in operation._schema.returns]
    is_view = bool(aliases) and all(alias is not None and not alias.is_write for alias in aliases)
    return is_view, name not in _GATHERS, not (name in _GATHERS and name.endswith("_"))


def _tensors(values: Any) -> Iterator[Tensor]:
    for value in values if isinstance(values, tuple | list) else (values,):
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, tuple | list):
            yield from _tensors(value)


def count(call: Callable[[], object]) -> dict[str, int]:
    """Call once, and say how much of what was done: a name with its unit -> amount."""
    gc.collect()
    tracemalloc.start()
    try:
        with _Torch() as seen:
            call()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return {
        "elements that torch reads and writes": seen.elements,
        "bytes of its largest tensor": seen.largest,
        "bytes that Python and numpy hold": peak,
    }


def grows_faster(amounts: Sequence[int], sizes: Sequence[int], power: int) -> bool:
    """Whether amounts at three sizes, each twice the last, grow faster than the size to a power.

    Steps between sizes are compared, so that what does not grow cancels: they double where growth is linear and become
    four times as large where it is quadratic. The limit lies half-way between a power and the next, and the part that
    is too much must be worth a word.
    """
    first, second = amounts[1] - amounts[0], amounts[2] - amounts[1]
    excess = second - 2**power * max(first, 0)
    return second > 2 ** (power + 0.5) * max(first, 0) and excess > SMALLEST * 6 * sizes[0] ** 2

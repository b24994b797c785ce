"""A device that is not the CPU, on a machine that has none: mistakes that only a GPU shows are errors here, too.

Its tensors say that they lie on the device ``meta``; their values lie in the CPU's memory and are computed there. The
rules are CUDA's: an operation on tensors of two devices is an error, and so is a CPU generator that fills a tensor of
the device, or a tensor of the device that is read as an array.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map

DEVICE = "meta"
"""Name of the device while it is there."""
_READ = {"_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_consecutive", "unique_dim"}
"""Operations whose result, or its size, the program cannot go on without."""
_waited: list[str] = []
"""Operations of this process for which a GPU would have had to finish all that was asked of it."""
_MIXED = {"_to_copy", "copy_", "index", "index_put_", "index_put", "_index_put_impl_"}
"""Operations of CUDA that take tensors of both devices: copies, and indices."""


@contextmanager
def pretend_gpu() -> Iterator[str]:
    """Within, the device of the name that it gives behaves as a GPU does, with the results of the CPU.

    Examples:
        >>> import torch
        >>> with pretend_gpu() as device:
        ...     values = torch.ones(3, device=device)
        ...     values + torch.ones(3)  # CUDA refuses that, too
        Traceback (most recent call last):
        RuntimeError: add: tensors on a device and on the CPU, of shape [3]
    """
    with _Pretending():  # type: ignore[no-untyped-call]
        yield DEVICE


class _OnDevice(Tensor):
    """A tensor of the device; ``held`` is what is in it."""

    held: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]  # as torch documents

    @staticmethod
    def __new__(cls, values: Tensor) -> _OnDevice:
        made: _OnDevice = Tensor._make_wrapper_subclass(
            cls, values.size(), strides=values.stride(), storage_offset=values.storage_offset(), dtype=values.dtype,
            device=torch.device(DEVICE),
        )  # fmt: skip
        made.held = values
        return made

    def __repr__(self) -> str:  # type: ignore[override]  # no keyword is needed
        return f"on {DEVICE}: {self.held!r}"

    def tolist(self) -> Any:
        """As of a tensor on a GPU, which torch allows."""
        _waited.append("tolist")
        return self.held.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """Refused, as for a tensor on a GPU."""
        if force:
            return self.held.numpy()
        raise TypeError(f"can't convert {DEVICE} device type tensor to numpy. Use Tensor.cpu() first.")

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]  # a class method, as torch documents
        cls, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return _call(func, args, kwargs or {})


class _Pretending(TorchDispatchMode):
    """Sees the calls that make tensors, too."""

    def __torch_dispatch__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return _call(func, args, kwargs or {})


def _call(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    leaves = tree_leaves((args, kwargs))
    on_device = any(isinstance(leaf, _OnDevice) for leaf in leaves)
    wanted = kwargs.get("device")
    result_there = on_device if wanted is None else torch.device(wanted).type == DEVICE
    if _waits(func, args, kwargs, on_device=on_device, result_there=result_there):
        _waited.append(func._schema.name)
    _check(func, leaves, on_device=on_device, result_there=result_there)
    plain, plain_kwargs = tree_map(_values, (args, kwargs))
    if wanted is not None:
        plain_kwargs["device"] = torch.device("cpu")
    out = func(*plain, **plain_kwargs)
    # What is changed in place stays where it is.
    if not result_there or (func._schema.is_mutable and not isinstance(args[0], _OnDevice)):
        return out
    wrapped = tree_map(lambda value: _OnDevice(value) if isinstance(value, Tensor) else value, out)
    return return_and_correct_aliasing(func, args, kwargs, wrapped)


def _check(func: Any, leaves: Sequence[object], *, on_device: bool, result_there: bool) -> None:
    name = func._schema.name.removeprefix("aten::")
    if result_there and any(isinstance(leaf, torch.Generator) for leaf in leaves):
        raise RuntimeError(f"{name}: Expected a '{DEVICE}' device type for generator but found 'cpu'")
    stray = [leaf for leaf in leaves if isinstance(leaf, Tensor) and not isinstance(leaf, _OnDevice) and leaf.ndim]
    if on_device and stray and name not in _MIXED:
        raise RuntimeError(f"{name}: tensors on a device and on the CPU, of shape {list(stray[0].shape)}")


def _waits(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], *, on_device: bool, result_there: bool) -> bool:
    """Whether a GPU finishes first: a number of it is read, or something is copied to or from it, unless that says not.

    The CPU's scalars go with the call.
    """
    name = func._schema.name.removeprefix("aten::")
    if name == "_to_copy":
        return on_device != result_there and not kwargs.get("non_blocking", False)
    if name == "copy_":
        there = [isinstance(side, _OnDevice) for side in args[:2]]
        return there[0] != there[1] and args[1].ndim > 0 and not (args[2] if len(args) > 2 else False)
    stray = [leaf for leaf in tree_leaves(args[1:]) if isinstance(leaf, Tensor) and not isinstance(leaf, _OnDevice)]
    by_index = name.startswith(("index", "_index_put")) and any(leaf.ndim for leaf in stray)
    masks = name.startswith(("index", "_index_put")) and any(
        isinstance(leaf, Tensor) and leaf.dtype == torch.bool for leaf in tree_leaves(args[1:2])
    )
    return on_device and (name in _READ or by_index or masks)


def waits() -> list[str]:
    """Operations so far for which a GPU would have had to finish what was asked of it: those of one that is pretended.

    Examples:
        >>> from vlbench.testing.pretend import pretend_gpu, waits
        >>> import torch
        >>> with pretend_gpu() as device:
        ...     before = len(waits())
        ...     number = float((torch.ones(2).to(device, non_blocking=True) * 2).sum())
        ...     waits()[before:]
        ['aten::_local_scalar_dense']
    """
    return list(_waited)


def _values(value: object) -> object:
    return value.held if isinstance(value, _OnDevice) else value


__all__ = ["DEVICE", "pretend_gpu"]

"""Tensors sent to a device without waiting for what it still computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def on_device(values: Tensor, device: str | torch.device) -> Tensor:
    """The values there; the same tensor where it is there already.

    A plain copy to a GPU waits until all that was asked of it is done. This one does not: it goes from memory that is
    pinned.

    Examples:
        >>> import torch
        >>> from vlbench.transfer import on_device
        >>> on_device(torch.ones(2), "cpu")
        tensor([1., 1.])
    """
    kind = device.partition(":")[0] if isinstance(device, str) else device.type
    if kind == "cpu":  # who reads on the CPU has to wait
        return values if values.is_cpu else values.cpu()
    if kind == "cuda" and values.is_cpu:
        values = values.pin_memory()
    return values.to(device, non_blocking=True)

"""Items that methods are given, and a look afterwards at what they cannot be given a copy of."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from vlbench.disk.mapped import mapped, private_view

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from vlbench.data.pairs import Items, PairDataset

COPIED_BYTES = 1 << 28
"""Items of a side up to this size are copied."""
_NO_FILE_BYTES = 1 << 20
"""Items up to this size are not asked for their file."""
State = tuple[int, ...] | str


def lent(items: Items) -> Items:
    """A copy of items; of many, a view of their file that is private, or a tensor on which changes raise."""
    import torch

    if not isinstance(items, torch.Tensor):
        return list(items)
    if items.nbytes <= COPIED_BYTES or items.device.type != "cpu":
        return items.clone()
    view = private_view(items)
    if view is not None:
        return view
    with torch.inference_mode():  # most changes in place raise, some of them after they were made
        return torch.from_numpy(items.numpy())


class LentItems:
    """What a method may change of a dataset although it should not: files, and items in memory that are not copied.

    A file is known by its size and time, and items in memory by their SHA-256.

    Args:
        dataset: that later rows are made of.
    """

    def __init__(self, dataset: PairDataset) -> None:
        self._before = dict(_states(dataset))

    def changed(self, dataset: PairDataset) -> list[str]:
        """Sides and splits that are not as they were, as in ``image items of train``."""
        return [name for name, state in _states(dataset) if state != self._before[name]]


def _states(dataset: PairDataset) -> Iterator[tuple[str, State]]:
    import torch

    for split, of_split in dataset.splits.items():
        for side, items in of_split.items.items():
            if isinstance(items, torch.Tensor) and items.device.type == "cpu" and items.nbytes > _NO_FILE_BYTES:
                yield f"{side} items of {split}", _state(items)


def _state(items: Tensor) -> State:
    import torch

    found = mapped(items)
    if found is not None and not found.changed:
        return found.state()
    if items.nbytes <= COPIED_BYTES or not items.is_contiguous():
        return ""
    return hashlib.sha256(items.view(-1).view(torch.uint8).numpy().data).hexdigest()

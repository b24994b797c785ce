"""What a method may see of a data set: the train split, and val only where it declared so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlbench.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench.data.pairs import Items, PairDataset, Split


class TrainView:
    """The train split of a data set. Test data cannot be reached from it.

    Attributes:
        sides: both side names.
        fingerprint: of the whole data set.
        split: items, pairs and names of the train split.
    """

    def __init__(self, dataset: PairDataset, *, sees_val: bool = False) -> None:
        self.sides = dataset.sides
        self.fingerprint = dataset.fingerprint
        self.split: Split = dataset.split("train")
        self._val = dataset.split("val") if sees_val else None

    @property
    def pairs(self) -> Tensor:
        """int64 [pair, 2]: the item of either side that each pair joins."""
        return self.split.pairs

    @property
    def val(self) -> Split:
        """The val split.

        Raises:
            DataError: the method's spec does not declare ``sees_val=True``.
        """
        if self._val is None:
            raise DataError("this method asked for val data. Declare it: MethodSpec(..., sees_val=True).")
        return self._val

    def items(self, side: str) -> Items:
        """All train items of a side."""
        return self.split.items[side]

    def __len__(self) -> int:
        return len(self.split.pairs)

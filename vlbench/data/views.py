"""What a method may see of a dataset: the train split, and val only where it declared so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlbench.data.lent import lent
from vlbench.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench.data.pairs import Items, PairDataset, Split
    from vlbench.students.student import Student


def copied(split: Split) -> Split:
    """A split that may be given away: what is done to it does not reach the dataset."""
    from vlbench.data.pairs import Split

    items = {side: lent(of_side) for side, of_side in split.items.items()}
    return Split(items, split.pairs.clone(), {side: list(names) for side, names in split.names.items()})


class TrainView:
    """The train split of a dataset, as a copy: nothing that is done to it reaches another row.

    It holds no test data. That a method looks for them elsewhere in its process cannot be prevented: it runs in the
    same interpreter, or at least as the same user.

    Attributes:
        sides: both side names.
        fingerprint: of the whole dataset.
        split: items, pairs and names of the train split.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> train, _ = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> train.sides, len(train), train.items("image").shape, len(train.items("text"))
        (('image', 'text'), 120, torch.Size([60, 3, 8, 8]), 120)
        >>> train.val
        Traceback (most recent call last):
        vlbench.errors.DataError: this method asked for val data. Declare it: MethodSpec(..., sees_val=True).
    """

    def __init__(self, dataset: PairDataset, *, sees_val: bool = False) -> None:
        self.sides = dataset.sides
        self.fingerprint = dataset.fingerprint
        self.split: Split = copied(dataset.split("train"))
        self._val = copied(dataset.split("val")) if sees_val else None

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

    def bounds(self, side: str) -> tuple[float, float]:
        """Least and greatest valid encoder input of a side of tensors: 0 and 1 for uint8, else those in train."""
        items = self.items(side)
        if str(items.dtype) == "torch.uint8":
            return 0.0, 1.0
        return float(items.min()), float(items.max())

    def as_items(self, side: str, inputs: Tensor) -> Tensor:
        """Encoder inputs [pair, ...] in the form of a side's items: [0, 1] to 8 bit where these are uint8.

        What :meth:`vlbench.Encoder.inputs` makes of the result are the inputs again, up to rounding.
        """
        dtype = self.items(side).dtype
        if str(dtype) == "torch.uint8":
            inputs = inputs.mul(255).round().clamp(0, 255)
        return inputs.to(dtype)

    def as_inputs(self, side: str, positions: Tensor, student: Student) -> Tensor:
        """Inputs of a student's encoder [item, ...] of train items, on its device: the inverse of :meth:`as_items`.

        Args:
            side: whose items are a tensor.
            positions: int64 [item] among :meth:`items`.
            student: whose encoder reads them.

        Examples:
            >>> from pathlib import Path
            >>> import tempfile, torch
            >>> from vlbench.testing import toy_context, toy_dataset
            >>> train, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
            >>> inputs = train.as_inputs("image", torch.arange(3), context.student)  # pixels in [0, 1]
            >>> bool((train.as_items("image", inputs) == train.items("image")[:3]).all())
            True
        """
        inputs: Tensor = student.towers[side].encoder.inputs(self.items(side)[positions])
        return inputs.to(student.device)

"""A frozen encoder whose features are the items themselves."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from vlbench import Encoder
from vlbench.data import Suggestion
from vlbench.errors import DataError
from vlbench_pairs.options import PrecomputedOptions


class Precomputed(Encoder):
    """Items are features already: float [item, width] -> the same as float32."""

    def __init__(self, options: PrecomputedOptions) -> None:
        self.width = options.width
        self.module = nn.Identity().eval()
        self.identity = f"precomputed {options.width}"

    def inputs(self, items: Any) -> Tensor:
        """Features as float32 [item, width].

        Raises:
            DataError: the items are no features of this width.
        """
        if not isinstance(items, Tensor) or items.ndim != 2 or not items.is_floating_point():
            raise DataError("precomputed features are floats [item, width]. Take the dataset 'features'.")
        if items.shape[1] != self.width:
            raise DataError(f"these features have {items.shape[1]} numbers. Set the encoder's option width to that.")
        return items.float()


def suggest(model: str) -> list[Suggestion]:
    """The width that the dataset names; nothing where none is known."""
    return [Suggestion({"width": int(model)}, there=True, standardise="global")] if model.isdecimal() else []

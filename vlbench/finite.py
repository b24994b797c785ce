"""The one question whether numbers are finite, and how the answer names what is not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor, nn

_SHOWN = 3


def is_finite(values: Tensor) -> bool:
    """Whether every number is finite; whole numbers are."""
    return not values.is_floating_point() or bool(values.isfinite().all())


def which_not_finite(values: Tensor, names: Sequence[str] = ()) -> str:
    """Which items [item, ...] hold a number that is not finite: ``3 of 20 (first: 4, 5, 6)``; "" where none does.

    Args:
        values: of the items.
        names: of each item, where it has one; else its position is shown.
    """
    if is_finite(values):
        return ""
    bad = torch.nonzero(~values.isfinite().reshape(len(values), -1).all(1))[:, 0].tolist()
    first = ", ".join(str(names[at]) if len(names) == len(values) else str(at) for at in bad[:_SHOWN])
    return f"{len(bad):,} of {len(values):,} (first: {first}{', ...' if len(bad) > _SHOWN else ''})"


def weights_not_finite(module: nn.Module) -> str:
    """Which weights hold a number that is not finite: ``2 of 40 (first: layer1.weight, ...)``; "" where none does."""
    state = module.state_dict()
    bad = [name for name, values in state.items() if not is_finite(values)]
    if not bad:
        return ""
    return f"{len(bad):,} of {len(state):,} (first: {', '.join(bad[:_SHOWN])}{', ...' if len(bad) > _SHOWN else ''})"

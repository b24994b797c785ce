"""The numbers a suite may have: wide enough for every experiment, so that what is outside is a slip of the finger."""

from __future__ import annotations

from typing import Any

from vlbench.errors import ProtocolError
from vlbench.registry.ranges import Range

LIMITS = {
    "steps": Range(0, 10_000_000),
    "epochs": Range(0, 1_000_000),
    "batch": Range(1, 10_000_000),
    "learning_rate": Range(0, 1e6),
    "weight_decay": Range(0, 1e3),
    "momentum": Range(0, below=1),
    "noise": Range(0, 1e6),
    "max_grad_norm": Range(0, 1e12),
    "width": Range(1, 1_000_000),
    "gain": Range(0, 1e6),
    "dropout": Range(0, below=1),
    "rank": Range(1, 100_000),
    "alpha": Range(0, 1e6),
    "seed": Range(0, 2**63 - 1),
    "micro_batch": Range(0, 1_000_000_000),
}
"""Setting of a recipe, a head, an adapter or a student -> its numbers."""


def check_limits(part: Any, where: str) -> Any:
    """A part of a suite, if its numbers are within their limits.

    Raises:
        ProtocolError: names the first that is not, and what is allowed.
    """
    for name, limits in LIMITS.items():
        value = getattr(part, name, None)
        if value is not None and not isinstance(value, bool) and not limits.holds(value):
            raise ProtocolError(f"{where}: {name} = {value!r:.60} is not allowed. Allowed: {limits}.")
    return part

"""Scores of the ranks of one student seed's queries in one direction."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def median_rank(ranks: Tensor) -> float:
    """Median of int64 [query]; the mean of the middle two where their number is even."""
    ordered = ranks.sort().values
    middle = len(ordered) // 2
    return float(ordered[middle]) if len(ordered) % 2 else float(ordered[middle - 1] + ordered[middle]) / 2


def mean_reciprocal_rank(ranks: Tensor) -> float:
    """Mean of 1 / rank over int64 [query], in (0, 1]."""
    return float((1 / ranks.double()).mean())

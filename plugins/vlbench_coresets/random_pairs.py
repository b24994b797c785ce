"""Uniform choice: the row against which "recovered" is counted."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

import vlbench


class RandomPairs(vlbench.Selector):
    """Candidates drawn uniformly without replacement.

    With ``captions=mean`` this is ``mean-caption``, the baseline of every method that learns text vectors: the same
    images, each with the mean of its captions' vectors, which already says more than any one caption.
    """

    needs_features = False

    def select(self, features: Tensor, size: int, generator: Generator) -> Tensor:
        """Positions int64 [size] out of [candidate, 0] features."""
        return torch.randperm(len(features), generator=generator)[:size]

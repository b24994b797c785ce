"""A head of two layers, declared through the hook like everyone's."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class MLPHead(nn.Module):
    """W2 GELU(W1 features), with as many hidden numbers as an embedding has: SimCLR's projection head (ICML 2020).

    Weights start at N(0, 1 / inputs).

    Args:
        options: none.
        features: numbers per item.
        width: numbers in an embedding.
        dropout: share of hidden numbers that is dropped while training.
    """

    def __init__(self, options: object, features: int, width: int, dropout: float) -> None:
        super().__init__()
        del options
        self.first = nn.Linear(features, width, bias=False)
        self.dropout = nn.Dropout(dropout)
        self.second = nn.Linear(width, width, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """[item, features] -> [item, width]."""
        out: Tensor = self.second(self.dropout(nn.functional.gelu(self.first(features))))
        return out

    @torch.no_grad()
    def start(self, generator: torch.Generator) -> None:
        """Set both matrices in place."""
        for layer in (self.first, self.second):
            layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator) / layer.in_features**0.5)

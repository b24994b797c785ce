"""Heads: from features to the space in which both sides meet."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from vlbench.errors import ProtocolError

KINDS = ("none", "linear", "residual")
STARTS = ("normal", "identity", "uniform")


@dataclass(frozen=True)
class HeadConfig:
    """A head as a protocol describes it.

    Attributes:
        kind: a declared head's name (:class:`vlbench.students.HeadSpec`), or
            ``none``; ``linear`` (one matrix, no bias); ``residual`` (VLDD's: linear, GELU, linear, dropout, residual
            sum with the first linear's output, LayerNorm; Wu et al. 2023).
        width: numbers in an embedding; both sides must agree.
        options: of a declared head; the built-in ones have none.
        start: of a linear head: ``normal`` N(0, gain^2 / features), ``identity`` (gain on the diagonal) or ``uniform``.
        gain: factor on the initial matrix.
        dropout: share of a residual head's second layer that is dropped while training.
    """

    kind: str = "linear"
    width: int = 256
    start: str = "normal"
    gain: float = 1.0
    dropout: float = 0.0
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind in KINDS and self.options:
            raise ProtocolError(f"head {self.kind!r} has no options, and {', '.join(self.options)} is given.")
        if self.start not in STARTS:
            raise ProtocolError(f"head start {self.start!r} does not exist. Allowed: {', '.join(STARTS)}.")


class ResidualHead(nn.Module):
    """VLDD's text head: LayerNorm(h + Linear(GELU(h))) with h = Linear(features)."""

    def __init__(self, features: int, width: int, dropout: float) -> None:
        super().__init__()
        self.first = nn.Linear(features, width)
        self.second = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        """[item, features] -> [item, width]."""
        hidden = self.first(features)
        out: Tensor = self.norm(hidden + self.dropout(self.second(nn.functional.gelu(hidden))))
        return out


def build_head(config: HeadConfig, features: int) -> nn.Module:
    """A built-in head with unset weights; :func:`start_head` sets them.

    Raises:
        ProtocolError: there is none of this kind.
    """
    if config.kind not in KINDS:
        raise ProtocolError(f"head {config.kind!r} does not exist. Allowed: {', '.join(KINDS)}.")
    if config.kind == "none":
        return nn.Identity()
    if config.kind == "residual":
        return ResidualHead(features, config.width, config.dropout)
    return nn.Linear(features, config.width, bias=False)


@torch.no_grad()
def start_head(head: nn.Module, config: HeadConfig, generator: torch.Generator) -> None:
    """Set a head's initial weights in place, drawn from ``generator`` alone; a declared head does so by itself."""
    if config.kind not in KINDS:
        head.start(generator)  # type: ignore[operator]  # what HeadSpec asks for
        return
    for part in head.modules():
        if isinstance(part, nn.LayerNorm):
            part.reset_parameters()
        if isinstance(part, nn.Linear):
            part.weight.copy_(config.gain * _start_weight(part, config, generator))
            if part.bias is not None:  # of a residual head, as torch starts a linear layer
                drawn = torch.empty(part.bias.shape).uniform_(-1, 1, generator=generator)  # the generator is the CPU's
                part.bias.copy_(drawn / math.sqrt(part.weight.shape[1]))


def _start_weight(part: nn.Linear, config: HeadConfig, generator: torch.Generator) -> Tensor:
    rows, columns = part.weight.shape
    if config.kind == "linear" and config.start == "identity":
        return torch.eye(rows, columns)
    if config.kind == "linear" and config.start == "normal":
        return torch.randn(rows, columns, generator=generator) / math.sqrt(columns)
    return (torch.rand(rows, columns, generator=generator) * 2 - 1) / math.sqrt(columns)

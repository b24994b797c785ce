"""A small frozen encoder of spectrograms."""

from __future__ import annotations

import torch
from torch import Tensor, nn

import vlbench
from vlbench_tones.recordings import BANDS, FLOOR, FRAMES

WIDTH = 256
GRID = (16, 16)


class Decibels(nn.Module):
    """Decibels from FLOOR to 0 [item, band, frame] to about -1 to 1, on a coarse grid, flat [item, 256]."""

    def forward(self, decibels: Tensor) -> Tensor:
        """Averages of 2 bands and 2 frames."""
        scaled = (decibels - FLOOR / 2) / (-FLOOR / 2)
        return nn.functional.adaptive_avg_pool2d(scaled[:, None], GRID).flatten(1)


class TonesEncoder(vlbench.Encoder):
    """Spectrograms -> features [item, 256] of one random layer (GELU); a fixed draw, never trained. No options."""

    def __init__(self, options: object = None) -> None:
        del options
        generator = vlbench.SeedTree(0).child("tones encoder").generator("weight")
        layer = nn.utils.skip_init(nn.Linear, GRID[0] * GRID[1], WIDTH)
        with torch.no_grad():
            layer.weight.copy_(torch.randn(WIDTH, GRID[0] * GRID[1], generator=generator) / GRID[0])
            layer.bias.zero_()
        self.module = nn.Sequential(Decibels(), layer, nn.GELU()).eval()
        self.width = WIDTH
        self.identity = f"tones-audio 1: {GRID} cells, {WIDTH} random features"

    def inputs(self, items: Tensor) -> Tensor:
        """Spectrograms as they are, float32 [item, 32, 32].

        Raises:
            DataError: anything else.
        """
        if not isinstance(items, Tensor) or items.dtype != torch.float32 or items.shape[1:] != (BANDS, FRAMES):
            raise vlbench.errors.DataError(
                f"the encoder of tones takes float32 spectrograms [n, {BANDS}, {FRAMES}] in decibels."
            )
        return items

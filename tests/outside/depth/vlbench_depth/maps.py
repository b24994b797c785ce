"""Depth maps: metres to what is seen at each pixel, what one would say of them, and an encoder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, nn

import vlbench

if TYPE_CHECKING:
    from vlbench_depth import DepthOptions

SIDE, WALL, WIDTH = 24, 8.0, 256
COLUMNS = ("left", "middle", "right")
ROWS = ("high", "centre", "low")
DISTANCES = {"near": 1.5, "midway": 3.5, "far": 6.0}
EXTENTS = {"narrow": 4, "wide": 8}


def load(options: DepthOptions, store: Path) -> vlbench.PairDataset:
    """Metres float32 [map, 24, 24], and two captions of each.

    Args:
        options: how many, and the seed.
        store: not used; they are made in a second.
    """
    del store
    seeds = vlbench.SeedTree(options.seed).child("depth")
    counts = {"train": options.train, "val": options.train // 3, "test": options.train // 3}
    splits = {name: _split(count, seeds.generator(name)) for name, count in counts.items()}
    sides = ("depth", "text")
    return vlbench.PairDataset("depth", sides, splits, vlbench.fingerprint(sides, splits))


def _split(count: int, generator: Generator) -> vlbench.Split:
    maps, captions = [], []
    for _ in range(count):
        seen = WALL + 0.05 * torch.randn(SIDE, SIDE, generator=generator)
        said = [_box(seen, generator) for _ in range(2)]
        maps.append(seen.clamp(0, 10))
        captions += [" and ".join(said), " before ".join(said[::-1])]
    pairs = torch.stack([torch.arange(2 * count) // 2, torch.arange(2 * count)], 1)
    return vlbench.Split({"depth": torch.stack(maps), "text": captions}, pairs)


def _box(seen: Tensor, generator: Generator) -> str:
    """Put a box into the map, and say what it is."""
    lists = (list(EXTENTS), list(DISTANCES), ROWS, COLUMNS)
    picks = [int(torch.randint(len(names), (), generator=generator)) for names in lists]
    extent, distance, row, column = (names[pick] for names, pick in zip(lists, picks, strict=True))
    half, y, x = EXTENTS[extent] // 2, 4 + 8 * picks[2], 4 + 8 * picks[3]
    jitter = 0.9 + 0.2 * float(torch.rand((), generator=generator))
    part = seen[max(y - half, 0) : y + half, max(x - half, 0) : x + half]
    part.copy_(part.clamp_max(DISTANCES[distance] * jitter))
    return f"a {extent} box {distance} {row} {column}"


class Scaled(nn.Module):
    """Metres [item, 24, 24] to about -1 to 1, flat [item, 576]."""

    def forward(self, metres: Tensor) -> Tensor:
        """Near is high."""
        return (1 - metres / 5).flatten(1)


class DepthEncoder(vlbench.Encoder):
    """Depth maps -> features [item, 256] of one random layer (GELU); a fixed draw, never trained. No options."""

    def __init__(self, options: object = None) -> None:
        del options
        generator = vlbench.SeedTree(0).child("depth encoder").generator("weight")
        layer = nn.utils.skip_init(nn.Linear, SIDE * SIDE, WIDTH)
        with torch.no_grad():
            layer.weight.copy_(torch.randn(WIDTH, SIDE * SIDE, generator=generator) / SIDE)
            layer.bias.zero_()
        self.module = nn.Sequential(Scaled(), layer, nn.GELU()).eval()
        self.width = WIDTH
        self.identity = f"depth-maps 1: {SIDE} x {SIDE}, {WIDTH} random features"

    def inputs(self, items: Tensor) -> Tensor:
        """Metres as they are, float32 [item, 24, 24].

        Raises:
            DataError: anything else.
        """
        if not isinstance(items, Tensor) or items.dtype != torch.float32 or items.shape[1:] != (SIDE, SIDE):
            raise vlbench.errors.DataError(f"the encoder of depth takes float32 metres [n, {SIDE}, {SIDE}].")
        return items

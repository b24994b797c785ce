"""What is in a clip, before any pixel, sample or word."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COLOURS = (
    "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "brown", "white", "black", "grey",
)  # fmt: skip
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "ring", "star", "bar")
SIZES = ("small", "big")
MOTIONS = ("still", "left", "right", "up", "down", "blinking", "shaking")
LEFT, RIGHT, UP, DOWN, BLINKING, SHAKING = range(1, 7)
"""Numbers of motions."""
MOST, FEWEST = 3, 2
CELLS = 9

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """Objects of n clips, 3 places each of which the first `count` are taken.

    All fields are integer arrays: `count` [n], the others [n, 3]. `cell` numbers a 3 x 3 grid row by row: where the
    object is halfway.
    """

    count: Ints
    colour: Ints
    shape: Ints
    size: Ints
    motion: Ints
    cell: Ints

    def __len__(self) -> int:
        return len(self.count)

    @property
    def present(self) -> NDArray[np.bool_]:
        """Which places are taken, [n, 3]."""
        taken: NDArray[np.bool_] = np.arange(MOST) < self.count[:, None]
        return taken


def draw(n: int, rng: np.random.Generator) -> Layout:
    """Layouts of n clips of 2 or 3 objects of different colours, in different cells; all else is uniform."""
    shape = (n, MOST)
    return Layout(
        count=rng.integers(FEWEST, MOST + 1, n),
        colour=rng.random((n, len(COLOURS))).argsort(axis=1, kind="stable")[:, :MOST],
        shape=rng.integers(0, len(SHAPES), shape),
        size=rng.integers(0, len(SIZES), shape),
        motion=rng.integers(0, len(MOTIONS), shape),
        cell=rng.random((n, CELLS)).argsort(axis=1, kind="stable")[:, :MOST],
    )


def traits(layout: Layout) -> NDArray[np.float32]:
    """Which traits occur in each clip, [n, 29] of 0 and 1: what the encoders learn to name.

    Colours (12), shapes (8), motions (7) and sizes (2), each by itself: which belong together is not named.
    """
    parts = []
    sizes = {"colour": len(COLOURS), "shape": len(SHAPES), "motion": len(MOTIONS), "size": len(SIZES)}
    for trait, size in sizes.items():
        found = np.zeros((len(layout), size), dtype=np.float32)
        rows, places = np.nonzero(layout.present)
        found[rows, getattr(layout, trait)[rows, places]] = 1
        parts.append(found)
    return np.concatenate(parts, axis=1)

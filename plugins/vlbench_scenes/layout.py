"""What is in a scene, before any pixel or word: which objects stand where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COLOURS = ("red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "brown", "white", "black", "grey")
SHAPES = ("circle", "square", "triangle", "diamond", "cross", "star", "ring", "heart")
SIZES = ("small", "big")
GRID = 3
CELLS = GRID * GRID
MAX_OBJECTS = 4
MIN_OBJECTS = 2

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """Objects of n scenes, `slots` per scene; a slot at or beyond a scene's `count` is empty.

    All fields are integer arrays: `count` [n], the others [n, slots]. `cell` numbers the 3 x 3 grid row by row.
    """

    count: Ints
    colour: Ints
    shape: Ints
    size: Ints
    cell: Ints

    def __len__(self) -> int:
        return len(self.count)

    @property
    def slots(self) -> int:
        """Objects a scene has room for."""
        return int(self.colour.shape[1])


def draw_scenes(n: int, rng: np.random.Generator) -> Layout:
    """Layouts of n scenes of 2 to 4 objects in different cells; colour, shape and size are independent and uniform."""
    return _draw(rng.integers(MIN_OBJECTS, MAX_OBJECTS + 1, n), MAX_OBJECTS, rng)


def draw_singles(n: int, rng: np.random.Generator) -> Layout:
    """Layouts of n scenes of one object each (the encoders' pretraining task)."""
    return _draw(np.ones(n, dtype=np.int64), 1, rng)


def single_labels(layout: Layout) -> Ints:
    """Class of the first object of each scene, [n]: colour x shape x size, 192 classes."""
    return (layout.colour[:, 0] * len(SHAPES) + layout.shape[:, 0]) * len(SIZES) + layout.size[:, 0]


def _draw(count: Ints, slots: int, rng: np.random.Generator) -> Layout:
    shape = (len(count), slots)
    return Layout(
        count=count,
        colour=rng.integers(0, len(COLOURS), shape),
        shape=rng.integers(0, len(SHAPES), shape),
        size=rng.integers(0, len(SIZES), shape),
        # a random permutation of the cells per scene, so that no two objects share one
        cell=rng.random((len(count), CELLS)).argsort(axis=1, kind="stable")[:, :slots],
    )

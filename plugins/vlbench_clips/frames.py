"""Layouts to frames: soft-edged shapes that move over a dull ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlbench_clips.layout import BLINKING, MOST, SHAKING, Layout

SIDE, FRAMES = 32, 8
RADII = (3.2, 5.0)
"""Pixels, by size."""
TRAVEL = 9.0
"""Pixels from the first frame to the last."""
RGB = np.array(
    [(220, 40, 40), (240, 140, 30), (240, 220, 50), (50, 170, 60), (60, 210, 220), (45, 75, 215), (150, 60, 200),
     (245, 150, 190), (120, 72, 35), (245, 245, 245), (18, 18, 18), (128, 128, 128)],
    dtype=np.float32,
) / np.float32(255)  # fmt: skip
STEPS = np.array([(0, 0), (0, -1), (0, 1), (-1, 0), (1, 0), (0, 0), (0, 0)], dtype=np.float32)
"""Down and right, by motion."""
SHAKE, DIM = 1.6, 0.2
"""Pixels to either side of what shakes, and how much is left of what blinks, in every other frame."""
BEAT = np.tile([1.0, -1.0], FRAMES // 2)
_CHUNK = 100  # part of the format: the random draws follow it

Floats = NDArray[np.float32]


def render(layout: Layout, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Frames of the layout's clips, uint8 [n, 8, 3, 32, 32]."""
    frames = np.empty((len(layout), FRAMES, 3, SIDE, SIDE), dtype=np.uint8)
    for start in range(0, len(layout), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(layout)))
        frames[rows] = _chunk(layout, rows, rng)
    return frames


def _chunk(layout: Layout, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    n = len(rows)
    ground = rng.uniform(0.25, 0.6, (n, 1, 1, 1, 1)) + rng.uniform(-0.08, 0.08, (n, 1, 3, 1, 1))
    slope = rng.uniform(-0.2, 0.2, (n, 1, 1, 1, 1)) * np.linspace(-0.5, 0.5, SIDE)
    canvas = np.broadcast_to(ground + slope, (n, FRAMES, 3, SIDE, SIDE)).astype(np.float32)
    for place in range(MOST):
        cover = _cover(layout, rows, place, rng)[:, :, None]  # [n, frame, 1, side, side]
        shade = RGB[layout.colour[rows, place]] + rng.normal(0, 0.04, (n, 3)).astype(np.float32)
        canvas += cover * (shade[:, None, :, None, None] - canvas)
    light = rng.uniform(0.75, 1.1, (n, 1, 1, 1, 1)).astype(np.float32)
    noise = rng.standard_normal(canvas.shape, dtype=np.float32) * np.float32(0.04)
    return (np.clip(canvas * light + noise, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)


def _cover(layout: Layout, rows: NDArray[np.int64], place: int, rng: np.random.Generator) -> Floats:
    """How much of each pixel an object covers, [n, frame, side, side] in 0 to 1; an empty place covers nothing."""
    at = _centres(layout, rows, place, rng)
    radius = np.array(RADII)[layout.size[rows, place]] * rng.uniform(0.9, 1.1, len(rows))
    grid = np.arange(SIDE, dtype=np.float32)
    scale = (1 / radius).astype(np.float32)[:, None, None, None]
    y = (grid[:, None] - at[:, :, 0, None, None]) * scale
    x = (grid - at[:, :, 1, None, None]) * scale
    outside = _outside(layout.shape[rows, place], y, x)
    cover = np.clip(0.5 - outside / scale, 0, 1)
    blinks = (layout.motion[rows, place] == BLINKING)[:, None] & (BEAT < 0)
    seen = np.where(blinks, DIM, 1.0) * layout.present[rows, place, None]  # [n, frame]
    return np.asarray(cover * seen[:, :, None, None], dtype=np.float32)


def _centres(layout: Layout, rows: NDArray[np.int64], place: int, rng: np.random.Generator) -> Floats:
    """Where an object is in each frame, [n, frame, 2]: pixels down and right."""
    n, cell, motion = len(rows), layout.cell[rows, place], layout.motion[rows, place]
    middle = (np.stack([cell // 3, cell % 3], 1) + 0.5) * SIDE / 3 - 0.5 + rng.normal(0, 0.8, (n, 2))
    travel = STEPS[motion] * TRAVEL * rng.uniform(0.8, 1.2, (n, 1))
    shake = (motion == SHAKING)[:, None, None] * BEAT[:, None] * np.array([0, SHAKE])
    at = middle[:, None] + travel[:, None] * np.linspace(-0.5, 0.5, FRAMES)[:, None] + shake
    return np.asarray(at, dtype=np.float32)


def _outside(shape: NDArray[np.int64], y: Floats, x: Floats) -> Floats:
    """About the distance to each object's outline in radii, negative inside; y points down."""
    found = np.empty(np.broadcast_shapes(y.shape, x.shape), dtype=np.float32)
    for number in np.unique(shape):
        mine = shape == number
        found[mine] = _DISTANCES[number](y[mine], x[mine])
    return found


_DISTANCES = (
    lambda y, x: np.hypot(y, x) - 1,
    lambda y, x: np.maximum(abs(y), abs(x)) - 0.88,
    lambda y, x: np.maximum(y - 0.8, (1.9 * abs(x) - y - 1.05) / 2.1),
    lambda y, x: (abs(y) + 1.35 * abs(x) - 1.15) / 1.7,
    lambda y, x: np.maximum(np.minimum(abs(y), abs(x)) - 0.33, np.maximum(abs(y), abs(x)) - 1.05),
    lambda y, x: abs(np.hypot(y, x) - 0.8) - 0.25,
    lambda y, x: (abs(y) ** 0.6 + abs(x) ** 0.6 - 1.2) / 1.3,
    lambda y, x: np.maximum(abs(y) - 0.45, abs(x) - 1.15),
)

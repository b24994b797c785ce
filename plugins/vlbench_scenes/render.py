"""Layouts to pixels: anti-aliased stamps pasted on textured backgrounds, a chunk of scenes at a time."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from vlbench_scenes.layout import CELLS, GRID, SHAPES, SIZES, Layout

SIDE = 32
RADII = (2.9, 4.6)  # pixels, by size
RGB = np.array(
    [
        (220, 40, 40), (240, 140, 30), (240, 220, 50), (50, 170, 60), (60, 210, 220), (45, 75, 215),
        (140, 55, 190), (245, 135, 190), (125, 75, 35), (245, 245, 245), (20, 20, 20), (135, 135, 135),
    ],
    dtype=np.float32,
) / np.float32(255)  # fmt: skip

_PAD = 6  # half a stamp: stamps near the edge are pasted on a padded canvas
_STAMP = 2 * _PAD + 1
_CHUNK = 1000  # scenes in memory at once; part of the format, because the random draws follow it
_OVERSAMPLE = 6
_SCALES = (0.9, 1.0, 1.1)
_SHIFTS = (-1 / 3, 0.0, 1 / 3)
_TURNS = (-0.2, 0.0, 0.2)  # radians
_JITTER = 1  # whole pixels, on top of the stamps' sub-pixel shifts
_COLOUR_SD = 0.04
_NOISE_SD = 0.035

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]
Coordinates = NDArray[np.float64]


def render(layout: Layout, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Images of the layout's scenes, uint8 [n, 3, 32, 32].

    Position jitter, object colours, backgrounds, brightness and noise are drawn from `rng`.
    """
    images = np.empty((len(layout), 3, SIDE, SIDE), dtype=np.uint8)
    for start in range(0, len(layout), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(layout)))
        images[rows] = _render_chunk(layout, rows, rng).transpose(0, 3, 1, 2)
    return images


def _render_chunk(layout: Layout, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.uint8]:
    canvas = _backgrounds(len(rows), rng)  # [n, side + 2 pad, side + 2 pad, 3]
    for slot in range(layout.slots):
        _paste(canvas, layout, rows, slot, rng)
    brightness = rng.uniform(0.75, 1.1, (len(rows), 1, 1, 1)).astype(np.float32)
    scene = canvas[:, _PAD:-_PAD, _PAD:-_PAD] * brightness
    noise = rng.standard_normal(scene.shape, dtype=np.float32)
    noise *= np.float32(_NOISE_SD)
    scene += noise
    np.clip(scene, 0, 1, out=scene)
    scene *= np.float32(255)
    scene += np.float32(0.5)
    return scene.astype(np.uint8)


def _backgrounds(n: int, rng: np.random.Generator) -> Floats:
    """Dull colours with a linear gradient in a random direction, [n, side + 2 pad, side + 2 pad, 3]."""
    side = SIDE + 2 * _PAD
    axis = np.linspace(-0.5, 0.5, side, dtype=np.float32)
    level = rng.uniform(0.3, 0.7, (n, 1, 1, 1)).astype(np.float32)
    tint = rng.uniform(-0.08, 0.08, (n, 1, 1, 3)).astype(np.float32)
    slope = rng.uniform(-0.25, 0.25, (n, 2, 1, 1, 1)).astype(np.float32)
    down, right = axis[None, :, None, None], axis[None, None, :, None]
    return np.asarray(level + tint + slope[:, 0] * down + slope[:, 1] * right, dtype=np.float32)


def _paste(canvas: Floats, layout: Layout, rows: NDArray[np.int64], slot: int, rng: np.random.Generator) -> None:
    """Blend the objects of one slot into the chunk's canvas, in place; empty slots draw their numbers all the same."""
    variant = rng.integers(0, len(_SCALES) * len(_SHIFTS) ** 2 * len(_TURNS), len(rows))
    jitter = rng.integers(-_JITTER, _JITTER + 1, (2, len(rows)))
    colour = RGB[layout.colour[rows, slot]] + rng.normal(0, _COLOUR_SD, (len(rows), 3)).astype(np.float32)
    here = np.flatnonzero(layout.count[rows] > slot)
    scenes = rows[here]
    centre = _cell_centres()[:, layout.cell[scenes, slot]] + jitter[:, here]
    ys = (centre[0, :, None] + np.arange(_STAMP))[:, :, None]  # the pad and half a stamp cancel
    xs = (centre[1, :, None] + np.arange(_STAMP))[:, None, :]
    where = (here[:, None, None], ys, xs)
    cover = _stamps()[layout.shape[scenes, slot], layout.size[scenes, slot], variant[here]][..., None]
    patch = canvas[where]
    patch += cover * (colour[here, None, None] - patch)
    canvas[where] = patch


def _cell_centres() -> NDArray[np.int64]:
    """Pixel row and column of each cell's centre, [2, 9]."""
    cells = np.arange(CELLS)
    steps = np.round((np.arange(GRID) + 0.5) * SIDE / GRID - 0.5).astype(np.int64)
    return np.stack([steps[cells // GRID], steps[cells % GRID]])


@lru_cache(maxsize=1)
def _stamps() -> Floats:
    """Coverage of every shape, size and variant (scale, shift, turn), [8, 2, 81, 13, 13] in [0, 1]."""
    fine = (np.arange(_STAMP * _OVERSAMPLE) + 0.5) / _OVERSAMPLE - _STAMP / 2
    y, x = np.meshgrid(fine, fine, indexing="ij")
    variants = [(s, dy, dx, t) for s in _SCALES for dy in _SHIFTS for dx in _SHIFTS for t in _TURNS]
    stamps = np.empty((len(SHAPES), len(SIZES), len(variants), _STAMP, _STAMP), dtype=np.float32)
    for size, radius in enumerate(RADII):
        for index, (scale, dy, dx, turn) in enumerate(variants):
            v, u = (y - dy) / (radius * scale), (x - dx) / (radius * scale)
            turned = np.cos(turn) * u - np.sin(turn) * v, np.sin(turn) * u + np.cos(turn) * v
            for shape, name in enumerate(SHAPES):
                inside = _inside(name, *turned).reshape(_STAMP, _OVERSAMPLE, _STAMP, _OVERSAMPLE)
                stamps[shape, size, index] = inside.mean(axis=(1, 3))
    return stamps


def _inside(shape: str, x: Coordinates, y: Coordinates) -> Bools:
    """Whether points lie in a shape of radius 1 around the origin; y points down."""
    distance = np.hypot(x, y)
    inside: Bools
    match shape:
        case "circle":
            inside = distance < 1
        case "square":
            inside = np.maximum(abs(x), abs(y)) < 0.88
        case "triangle":
            inside = (y < 0.8) & (y > 1.9 * abs(x) - 1.05)
        case "diamond":
            inside = 1.35 * abs(x) + abs(y) < 1.15
        case "cross":
            inside = (np.minimum(abs(x), abs(y)) < 0.33) & (np.maximum(abs(x), abs(y)) < 1.05)
        case "star":
            inside = distance < _star_outline(np.arctan2(y, x) + np.pi / 2)
        case "ring":
            inside = (distance < 1.05) & (distance > 0.55)
        case "heart":
            up = 0.25 - y
            inside = (x * x * 1.3 + up * up - 0.6) ** 3 < 1.5 * x * x * up**3
        case _:
            raise ValueError(f"no outline for shape {shape!r}")
    return inside


def _star_outline(angle: Coordinates, tip: float = 1.15, notch: float = 0.48) -> Coordinates:
    """Distance from the centre to the straight edges of a five-pointed star, by the angle from one of its tips."""
    half = np.pi / 5
    beside = half - abs(angle % (2 * half) - half)  # angle to the nearest tip, in [0, pi / 5]
    outline: Coordinates = tip * notch * np.sin(half) / (tip * np.sin(beside) + notch * np.sin(half - beside))
    return outline

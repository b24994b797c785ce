"""Layouts to words: five captions a scene with synonyms, changing order and omissions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vlbench_scenes.layout import Ints, Layout

CAPTIONS_PER_IMAGE = 5
_DROP_OBJECT = 0.2
_OMIT_SIZE = 0.15

_SIZE_WORDS = (("small", "little", "tiny"), ("big", "large", "huge"))
_COLOUR_WORDS = (
    ("red", "crimson"), ("orange", "amber"), ("yellow", "golden"), ("green", "emerald"), ("cyan", "turquoise"),
    ("blue", "navy"), ("purple", "violet"), ("pink", "rose"), ("brown", "chocolate"), ("white", "ivory"),
    ("black", "ebony"), ("grey", "silver"),
)  # fmt: skip
_SHAPE_WORDS = (
    ("circle", "disc"), ("square", "box"), ("triangle", "wedge"), ("diamond", "rhombus"), ("cross", "plus"),
    ("star", "starlet"), ("ring", "hoop"), ("heart", "sweetheart"),
)  # fmt: skip
_PLACE_WORDS = (
    ("in the top left", "at the upper left"), ("at the top centre", "in the upper middle"),
    ("in the top right", "at the upper right"), ("on the left side", "at the middle left"),
    ("in the centre", "in the very middle"), ("on the right side", "at the middle right"),
    ("in the bottom left", "at the lower left"), ("at the bottom centre", "in the lower middle"),
    ("in the bottom right", "at the lower right"),
)  # fmt: skip
_OPENINGS = ("", "a picture of ", "there is ", "this image shows ")


def write_captions(layout: Layout, rng: np.random.Generator) -> list[str]:
    """Five captions per scene, 5 n strings in the order of the scenes; each names at least one object."""
    n, slots = len(layout), layout.slots
    shape = (n, CAPTIONS_PER_IMAGE, slots)
    present = np.arange(slots) < layout.count[:, None, None]
    kept = present & (rng.random(shape) >= _DROP_OBJECT)
    rank = rng.random(shape)
    survivor = np.where(present, rank, 2.0).argmin(axis=2)  # stays if chance would drop everything
    empty = ~kept.any(axis=2)
    kept[(*np.nonzero(empty), survivor[empty])] = True
    order = np.where(kept, rank, 2.0).argsort(axis=2, kind="stable").reshape(-1, slots)
    phrases = _phrases(layout, rng)
    openings = rng.integers(0, len(_OPENINGS), n * CAPTIONS_PER_IMAGE).tolist()
    named = kept.sum(axis=2).reshape(-1).tolist()
    return [
        _OPENINGS[opening] + _join([mine[slot] for slot in slots_in_order[:count]])
        for opening, count, slots_in_order, mine in zip(openings, named, order.tolist(), phrases, strict=True)
    ]


def _phrases(layout: Layout, rng: np.random.Generator) -> list[list[str]]:
    """What each caption would call each object, [5 n][slots]."""
    shape = (len(layout), CAPTIONS_PER_IMAGE, layout.slots)
    draws = [rng.random(shape) for _ in range(5)]
    size_words = _pick(_SIZE_WORDS, layout.size, draws[0])
    size_words[draws[1] < _OMIT_SIZE] = ""
    colours = _pick(_COLOUR_WORDS, layout.colour, draws[2])
    shapes = _pick(_SHAPE_WORDS, layout.shape, draws[3])
    places = _pick(_PLACE_WORDS, layout.cell, draws[4])
    words = np.stack([size_words, colours, shapes, places], axis=-1).reshape(-1, layout.slots, 4).tolist()
    return [[_phrase(*parts) for parts in caption] for caption in words]


def _pick(table: tuple[tuple[str, ...], ...], values: Ints, draws: NDArray[np.float64]) -> NDArray[np.object_]:
    """A synonym of each value [n, slots] for each caption; draws in [0, 1), strings as objects [n, 5, slots]."""
    words = np.array(table, dtype=object)
    picked: NDArray[np.object_] = words[values[:, None, :], (draws * words.shape[1]).astype(np.int64)]
    return picked


def _phrase(size: str, colour: str, shape: str, place: str) -> str:
    first = size or colour
    article = "an" if first[0] in "aeio" else "a"
    return f"{article} {size} {colour} {shape} {place}" if size else f"{article} {colour} {shape} {place}"


def _join(phrases: list[str]) -> str:
    return phrases[0] if len(phrases) == 1 else ", ".join(phrases[:-1]) + " and " + phrases[-1]

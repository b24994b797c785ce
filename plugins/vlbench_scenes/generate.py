"""The dataset `scenes` as a pure function of a seed: images and captions of three splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vlbench_scenes.captions import write_captions
from vlbench_scenes.layout import draw_scenes, draw_singles, single_labels
from vlbench_scenes.render import render

SPLITS = ("train", "val", "test")
FULL_SIZES: Mapping[str, int] = {"train": 29_000, "val": 1_000, "test": 1_000}
MINI_SIZES: Mapping[str, int] = {"train": 600, "val": 100, "test": 100}

# streams of one split; a stream's number is part of the dataset's definition, so never renumber
_LAYOUT, _PIXELS, _WORDS = range(3)
_SINGLES = 3
# stream 2 was an earlier test split, looked at while defaults of methods were chosen; no choice has seen this one
_STREAM_OF = {"train": 0, "val": 1, "test": 4}


class SceneSplit(NamedTuple):
    """One split: `images` uint8 [n, 3, 32, 32]; `captions` 5 n strings, those of image i at 5 i to 5 i + 4."""

    images: NDArray[np.uint8]
    captions: list[str]


def generate_scenes(seed: int, sizes: Mapping[str, int] = FULL_SIZES) -> dict[str, SceneSplit]:
    """Every split named in `sizes` (number of images by split name: train, val, test).

    The same seed and sizes give the same bytes. A split does not depend on which others are made.

    Raises:
        ValueError: an unknown split, a size below one, or a negative seed.
    """
    unknown = sorted(set(sizes) - set(SPLITS))
    if unknown:
        raise ValueError(f"no split called {unknown[0]!r}; scenes have {', '.join(SPLITS)}")
    return {split: _generate_split(seed, _STREAM_OF[split], size) for split, size in sizes.items()}


def generate_singles(seed: int, size: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images of one object each, uint8 [size, 3, 32, 32], and their classes [size] in 0..191 (colour x shape x size).

    Raises:
        ValueError: a size below one or a negative seed.
    """
    _check_size(size)
    layout = draw_singles(size, _stream(seed, _SINGLES, _LAYOUT))
    return render(layout, _stream(seed, _SINGLES, _PIXELS)), single_labels(layout)


def _generate_split(seed: int, split: int, size: int) -> SceneSplit:
    _check_size(size)
    layout = draw_scenes(size, _stream(seed, split, _LAYOUT))
    images = render(layout, _stream(seed, split, _PIXELS))
    return SceneSplit(images, write_captions(layout, _stream(seed, split, _WORDS)))


def _check_size(size: int) -> None:
    if size < 1:
        raise ValueError(f"a split needs at least one image, not {size}")


def _stream(seed: int, split: int, part: int) -> np.random.Generator:
    return np.random.default_rng([seed, split, part])

"""From an array to a picture: the one way for all that is drawn."""

from __future__ import annotations

from typing import Any

import numpy
from PIL import Image


def to_pil(pixels: Any, *, longest: int | None = None) -> Image.Image:
    """A picture of one item.

    Args:
        pixels: [channel, height, width] with 1 or 3 channels, an array or a tensor: uint8, or floats from 0 to 1.
        longest: pixels of the longer side that the picture is made smaller to, or larger by a whole factor, so that
            every pixel of a small picture stays a square; None leaves its size.
    """
    values = numpy.asarray(pixels)
    if values.dtype != numpy.uint8:
        values = (values.astype(numpy.float64) * 255).round().clip(0, 255).astype(numpy.uint8)
    colour = numpy.repeat(values, 3, axis=0) if len(values) == 1 else values
    image = Image.fromarray(numpy.ascontiguousarray(colour.transpose(1, 2, 0)))
    if longest is None:
        return image
    largest = max(image.size)
    if largest * 2 <= longest:
        factor = longest // largest
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    scale = longest / largest
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)

"""The augmentation of :mod:`vlbench.data.augment` as others do it: an image after the other, by Pillow."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from vlbench.data.augment import (
    AUTOCONTRAST,
    CHANCE,
    EQUALIZE,
    LARGEST_RATIO,
    LEAST_AREA,
    ROTATE,
    ROUNDS,
    SHEAR,
    SHEAR_X,
    SHEAR_Y,
    SHIFT_PIXELS,
    SHIFT_X,
    SHIFT_Y,
    TURN,
)

_GREY = (128, 128, 128)


def augmented(images: Sequence[Image.Image], draw: random.Random) -> Tensor:
    """Crop, flip and change images -> float32 [image, 3, height, width] in [0, 1]."""
    changed = [np.asarray(_augmented(image, draw)) for image in images]
    return torch.from_numpy(np.stack(changed)).permute(0, 3, 1, 2).float().div_(255)


def _augmented(image: Image.Image, draw: random.Random) -> Image.Image:
    area, ratio = draw.uniform(LEAST_AREA, 1), math.exp(draw.uniform(-1, 1) * math.log(LARGEST_RATIO))
    width = image.width * min(1, math.sqrt(area * ratio))
    height = image.height * min(1, math.sqrt(area / ratio))
    left, top = draw.uniform(0, image.width - width), draw.uniform(0, image.height - height)
    image = image.resize(image.size, Image.Resampling.BICUBIC, box=(left, top, left + width, top + height))
    if draw.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    for _ in range(ROUNDS):
        kind, sign = draw.randrange(10), draw.choice((-1, 1))
        if draw.random() >= CHANCE:
            image = _changed(image, kind, sign)
    return image


def _changed(image: Image.Image, kind: int, sign: int) -> Image.Image:
    if kind == AUTOCONTRAST:
        return ImageOps.autocontrast(image)
    if kind == EQUALIZE:
        return ImageOps.equalize(image)
    if kind == ROTATE:
        return image.rotate(sign * math.degrees(TURN), Image.Resampling.BILINEAR, fillcolor=_GREY)
    matrix = {
        SHEAR_X: (1, sign * SHEAR, 0, 0, 1, 0),
        SHEAR_Y: (1, 0, 0, sign * SHEAR, 1, 0),
        SHIFT_X: (1, 0, sign * SHIFT_PIXELS, 0, 1, 0),
        SHIFT_Y: (1, 0, 0, 0, 1, sign * SHIFT_PIXELS),
    }.get(kind)
    if matrix is None:
        return image
    affine = Image.Transform.AFFINE
    return image.transform(image.size, affine, matrix, Image.Resampling.BILINEAR, fillcolor=_GREY)

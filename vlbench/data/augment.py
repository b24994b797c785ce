"""RandAugment of a batch of images, on their device, as VLDD's released code does it to real images.

Crop, flip, then twice one of ten operations, each with probability one half (the form that BLIP uses, with
magnitude 5 of 10, at which brightness and sharpness change nothing). It differs in one thing: the crop is of the
square image that is stored, not of the original one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

LEAST_AREA = 0.5
LARGEST_RATIO = 4 / 3
SHEAR, SHIFT_PIXELS, TURN = 0.15, 5, math.radians(15)
GREY = 128 / 255
IDENTITY, AUTOCONTRAST, BRIGHTNESS, SHARPNESS, EQUALIZE, SHEAR_X, SHEAR_Y, SHIFT_X, SHIFT_Y, ROTATE = range(10)
ROUNDS, CHANCE = 2, 0.5
TOGETHER = 1_200_000
"""Values that are changed at a time on a CPU: with fewer the calls take the time, with more the memory does."""
CUBIC = -0.75
"""Parameter of torch's bicubic kernel."""

Images = Float[Tensor, "image channel height width"]


def augment(pixels: Images, generator: torch.Generator) -> Images:
    """Crop, flip and change images with values in [0, 1], each in its own way, by draws from ``generator`` alone."""
    views = _draw_views(len(pixels), generator)
    changes = [_draw_changes(len(pixels), generator) for _ in range(ROUNDS)]
    out = torch.empty_like(pixels)
    for part in _parts(pixels):
        _show(pixels[part], *(of_view[part] for of_view in views), out=out[part])
        for kinds, signs in changes:
            _change(out[part], kinds[part], signs[part])
    return out


def _parts(pixels: Images) -> Iterator[slice]:
    """Images that are changed at a time."""
    of_image = max(1, pixels[0].numel()) if len(pixels) else 1
    size = max(1, TOGETHER // of_image if pixels.device.type == "cpu" else len(pixels))
    return (slice(at, at + size) for at in range(0, len(pixels), size))


def _draw_changes(count: int, generator: torch.Generator) -> tuple[Int[Tensor, " image"], Float[Tensor, " image"]]:
    kinds = torch.randint(10, (count,), generator=generator)
    kinds[torch.rand(count, generator=generator) >= CHANCE] = IDENTITY
    return kinds, (torch.rand(count, generator=generator) < 0.5) * 2.0 - 1


def crop_and_flip(pixels: Images, generator: torch.Generator) -> Images:
    """A random part of each image, of at least half its area and of sides 3:4 to 4:3, scaled back bicubic; half of them
    are mirrored."""
    views, out = _draw_views(len(pixels), generator), torch.empty_like(pixels)
    for part in _parts(pixels):
        _show(pixels[part], *(of_view[part] for of_view in views), out=out[part])
    return out


def _draw_views(count: int, generator: torch.Generator) -> tuple[Float[Tensor, " image"], ...]:
    """Height, width (negative: mirrored), place down and across, of the part of each image that is shown."""
    area = torch.rand(count, generator=generator) * (1 - LEAST_AREA) + LEAST_AREA
    ratio = ((torch.rand(count, generator=generator) * 2 - 1) * math.log(LARGEST_RATIO)).exp()
    width, height = (area * ratio).sqrt().clamp(max=1), (area / ratio).sqrt().clamp(max=1)
    across, down = (torch.rand(2, count, generator=generator) * 2 - 1) * (1 - torch.stack([width, height]))
    mirror = (torch.rand(count, generator=generator) < 0.5) * 2.0 - 1
    return height, width * mirror, down, across


def _show(pixels: Images, height: Tensor, width: Tensor, down: Tensor, across: Tensor, *, out: Images) -> None:
    shown = _rescaled(_rescaled(pixels, height, down).mT, width, across).mT
    torch.clamp(shown, 0, 1, out=out)


def _rescaled(pixels: Images, scale: Float[Tensor, " image"], shift: Float[Tensor, " image"]) -> Images:
    """As many new rows of each image, taken from a part of its rows: of share ``scale``, around ``shift`` from -1 to 1.

    Bicubic, mirrored at the borders. A crop changes rows and columns apart; rows first and columns then give what
    ``torch.nn.functional.grid_sample`` computes point by point, and much faster: each new row is a sum of four.
    """
    count, channels, size, _ = pixels.shape
    new = (2 * torch.arange(size) + 1) / size - 1
    place = ((new * scale[:, None] + shift[:, None] + 1) * size - 1) / 2  # [image, size]
    first = place.floor()
    taken = first.long()[:, :, None] + torch.arange(-1, 3)
    taken = torch.where(taken < 0, -1 - taken, taken)
    taken = torch.where(taken >= size, 2 * size - 1 - taken, taken).clamp(0, size - 1)
    own = size * torch.arange(count * channels).view(count, channels, 1, 1)  # where an image's channel begins
    weights = _cubic(place - first)[:, None].expand(-1, channels, -1, -1)
    rows = F.embedding_bag(
        (own + taken[:, None]).reshape(-1, 4).int().to(pixels.device),
        pixels.reshape(-1, pixels.shape[3]),
        per_sample_weights=weights.reshape(-1, 4).to(pixels),
        mode="sum",
    )
    return rows.view_as(pixels)


def _cubic(away: Float[Tensor, "image size"]) -> Float[Tensor, "image size 4"]:
    """Weights of the four rows around a place that lies ``away`` from the second of them, from 0 to 1."""
    near, far = torch.stack([away, 1 - away]), torch.stack([away + 1, 2 - away])
    near = ((CUBIC + 2) * near - (CUBIC + 3)) * near * near + 1
    far = ((CUBIC * far - 5 * CUBIC) * far + 8 * CUBIC) * far - 4 * CUBIC
    return torch.stack([far[0], near[0], near[1], far[1]], 2)


def change(pixels: Images, kinds: Int[Tensor, " image"], signs: Float[Tensor, " image"]) -> Images:
    """One operation on each image.

    Args:
        pixels: values in [0, 1].
        kinds: which operation, ``IDENTITY`` to ``ROTATE``.
        signs: -1 or 1, the direction of those that have one.
    """
    out = pixels.clone()
    _change(out, kinds, signs)
    return out


def _change(pixels: Images, kinds: Int[Tensor, " image"], signs: Float[Tensor, " image"]) -> None:
    """:func:`change`, in place."""
    chosen: list[tuple[Tensor, Callable[[Images], Images]]] = [
        (kinds == AUTOCONTRAST, autocontrast),
        (kinds == EQUALIZE, equalize),
        *(
            ((kinds == kind) & (signs == sign), partial(_shifted, axis=axis, sign=sign))
            for kind, axis in ((SHIFT_X, 3), (SHIFT_Y, 2))
            for sign in (-1, 1)
        ),
    ]
    for mask, function in chosen:
        at = mask.nonzero()[:, 0].to(pixels.device)
        if len(at):
            pixels[at] = function(pixels[at])
    turned = ((kinds == SHEAR_X) | (kinds == SHEAR_Y) | (kinds == ROTATE)).nonzero()[:, 0]
    if len(turned):
        at = turned.to(pixels.device)
        pixels[at] = _turned(pixels[at], kinds[turned], signs[turned])


def autocontrast(pixels: Images) -> Images:
    """Each channel of each image stretched to [0, 1]; a channel of one value stays as it is."""
    low, high = pixels.amin((2, 3), keepdim=True), pixels.amax((2, 3), keepdim=True)
    return torch.where(high > low, (pixels - low) / (high - low).clamp_min(1e-6), pixels)


def equalize(pixels: Images) -> Images:
    """Histogram of 256 values made even, in each channel of each image."""
    levels = (pixels * 255).round().int().flatten(2).flatten(0, 1)  # [image * channel, pixel]
    # Each channel has 256 numbers of its own in one long table.
    own = levels + 256 * torch.arange(len(levels), dtype=torch.int32, device=pixels.device)[:, None]
    counts = torch.zeros(len(levels), 256, dtype=torch.int32, device=pixels.device)
    counts.view(-1).index_add_(0, own.flatten(), torch.ones_like(own.flatten()))
    last = counts.gather(1, levels.amax(1, keepdim=True).long())
    step = (levels.shape[1] - last) // 255
    before = counts.cumsum(1, dtype=torch.int32) - counts
    even = ((before + step // 2) // step.clamp_min(1)).clamp(max=255)
    table = torch.where(step > 0, even, torch.arange(256, device=pixels.device)).float() / 255
    return table.flatten().index_select(0, own.flatten()).view_as(pixels)


def _shifted(pixels: Images, *, axis: int, sign: int) -> Images:
    """Shown from some pixels further on, or back; grey comes in at the border."""
    size = pixels.shape[axis]
    moved, border = pixels.roll(-sign * SHIFT_PIXELS, axis), min(SHIFT_PIXELS, size)
    moved.narrow(axis, size - border if sign > 0 else 0, border).fill_(GREY)
    return moved


def _turned(pixels: Images, kinds: Int[Tensor, " image"], signs: Float[Tensor, " image"]) -> Images:
    """Sheared or turned, bilinear; grey comes in at the borders. What is given is overwritten."""
    height, width = pixels.shape[2:]
    maps = torch.eye(2, 3).repeat(len(pixels), 1, 1)
    maps[:, 0, 1] += (kinds == SHEAR_X) * signs * SHEAR
    maps[:, 1, 0] += (kinds == SHEAR_Y) * signs * SHEAR
    angle = (kinds == ROTATE) * signs * TURN
    maps[:, 0, 0] *= angle.cos()
    maps[:, 1, 1] *= angle.cos()
    maps[:, 0, 1] -= angle.sin() * height / width
    maps[:, 1, 0] += angle.sin() * width / height
    grid = _grid(maps.to(pixels.device), height, width)
    words: dict[str, Any] = {"mode": "bilinear", "padding_mode": "zeros", "align_corners": False}
    return F.grid_sample(pixels.sub_(GREY), grid, **words).add_(GREY)


def _grid(maps: Float[Tensor, "image 2 3"], height: int, width: int) -> Float[Tensor, "image height width 2"]:
    """``torch.nn.functional.affine_grid`` without its product of matrices."""
    across, down = ((2 * torch.arange(size, device=maps.device) + 1) / size - 1 for size in (width, height))
    grid = maps.new_empty(len(maps), height, width, 2)
    for axis in (0, 1):
        by_row = maps[:, axis, 1, None] * down + maps[:, axis, 2, None]  # [image, height]
        torch.add(by_row[:, :, None], maps[:, axis, 0, None, None] * across, out=grid[..., axis])
    return grid

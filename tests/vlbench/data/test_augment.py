"""Batched augmentation, against Pillow and by hand."""

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

import vlbench.data.augment as augment_module
from vlbench.data.augment import (
    AUTOCONTRAST,
    BRIGHTNESS,
    EQUALIZE,
    GREY,
    IDENTITY,
    ROTATE,
    SHARPNESS,
    SHEAR_X,
    SHIFT_X,
    SHIFT_Y,
    augment,
    change,
    crop_and_flip,
)

PIXELS = torch.rand(4, 3, 24, 24, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.2


def changed(kind, sign=1.0, pixels=PIXELS):
    return change(pixels, torch.full((len(pixels),), kind), torch.full((len(pixels),), sign))


@pytest.mark.parametrize(("kind", "oracle"), [(AUTOCONTRAST, ImageOps.autocontrast), (EQUALIZE, ImageOps.equalize)])
def test_tones_change_as_in_pillow(kind, oracle):
    levels = (PIXELS * 255).round().to(torch.uint8)
    levels[1, 2] = 77  # a channel of one value
    expected = [np.asarray(oracle(Image.fromarray(image.permute(1, 2, 0).numpy()))) for image in levels]
    ours = (changed(kind, pixels=levels / 255) * 255).round().permute(0, 2, 3, 1)
    assert (ours - torch.tensor(np.stack(expected)).float()).abs().max() <= 1


@pytest.mark.parametrize("kind", [IDENTITY, BRIGHTNESS, SHARPNESS])
def test_what_changes_nothing_at_this_magnitude_changes_nothing(kind):
    assert torch.equal(changed(kind), PIXELS)


def test_a_shift_moves_five_pixels_and_grey_comes_in():
    right = changed(SHIFT_X, -1.0)
    torch.testing.assert_close(right[..., 5:], PIXELS[..., :-5], atol=1e-4, rtol=0)
    torch.testing.assert_close(right[..., :5], torch.full((4, 3, 24, 5), GREY), atol=1e-4, rtol=0)
    torch.testing.assert_close(changed(SHIFT_Y, 1.0)[..., :-5, :], PIXELS[..., 5:, :], atol=1e-4, rtol=0)


def test_a_turn_and_a_shear_are_those_of_pillow():
    smooth = np.add.outer(np.arange(64), 2 * np.arange(64)).astype(np.uint8)
    pixels = torch.tensor(smooth / 255, dtype=torch.float32).expand(1, 3, 64, 64)
    turned = np.asarray(Image.fromarray(smooth).rotate(15, Image.Resampling.BILINEAR)) / 255
    core = slice(16, 48)
    both = [changed(ROTATE, sign, pixels)[0, 0, core, core].numpy() for sign in (1.0, -1.0)]
    assert min(np.abs(one - turned[core, core]).max() for one in both) < 0.02
    matrix = (1, 0.15, -0.15 * 31.5, 0, 1, 0)
    sheared = np.asarray(Image.fromarray(smooth).transform((64, 64), Image.Transform.AFFINE, matrix, 2)) / 255
    assert np.abs(changed(SHEAR_X, 1.0, pixels)[0, 0, core, core].numpy() - sheared[core, core]).max() < 0.02


def test_a_crop_shows_at_least_half_of_the_image_and_half_are_mirrored():
    ramp = torch.linspace(0, 1, 64).expand(400, 3, 64, 64)
    across = crop_and_flip(ramp, torch.Generator().manual_seed(1))[:, 0]
    down = crop_and_flip(ramp.transpose(2, 3), torch.Generator().manual_seed(1))[:, 0]
    width = across[:, 0, -1] - across[:, 0, 0]
    height = down[:, -1, 0] - down[:, 0, 0]
    area = width.abs() * height
    assert 0.4 < float((width < 0).float().mean()) < 0.6
    assert float(area.min()) > 0.45
    assert float(area.max()) <= 1.001
    assert float((width.abs() / height).max()) < 1.4
    assert float(area.std()) > 0.1


def test_draws_come_from_the_generator_alone_and_values_stay_in_range():
    first, second, other = (augment(PIXELS, torch.Generator().manual_seed(seed)) for seed in (3, 3, 4))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert float(first.min()) >= 0
    assert float(first.max()) <= 1
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize("shape", [(7, 3, 20, 20), (3, 1, 9, 14)])
def test_a_crop_is_that_of_grid_sample_however_many_are_cropped_at_a_time(shape, monkeypatch):
    pixels = torch.rand(shape, generator=torch.Generator().manual_seed(0))

    def point_by_point(scale, shift):
        zero = torch.zeros(len(pixels))
        maps = torch.stack([torch.stack([scale[1], zero, shift[1]], 1), torch.stack([zero, scale[0], shift[0]], 1)], 1)
        grid = torch.nn.functional.affine_grid(maps, list(shape), align_corners=False)
        words = {"mode": "bicubic", "padding_mode": "reflection", "align_corners": False}
        return torch.nn.functional.grid_sample(pixels, grid, **words)

    calls = []
    monkeypatch.setattr(augment_module, "TOGETHER", 2 * pixels[0].numel())
    rescaled = augment_module._rescaled
    monkeypatch.setattr(
        augment_module, "_rescaled", lambda *given: calls.append([g.clone() for g in given[1:]]) or rescaled(*given)
    )
    cropped = augment_module.crop_and_flip(pixels, torch.Generator().manual_seed(1))
    (down_scale, down), (across_scale, across) = (
        [torch.cat(of_part) for of_part in zip(*calls[start::2], strict=True)] for start in (0, 1)
    )
    oracle = point_by_point((down_scale, across_scale), (down, across)).clamp(0, 1)
    torch.testing.assert_close(cropped, oracle, rtol=0, atol=1e-4)

"""The frequency basis of pictures, maps and frames."""

from __future__ import annotations

import pytest
import torch
from scipy.fft import dctn

from vlbench.matching.basis import frequency_weight, smooth_axes, to_coefficients, to_pixels

FORMS = [(2, 8, 6), (2, 3, 8, 6), (2, 4, 3, 8, 6)]


@pytest.mark.parametrize("form", FORMS)
def test_coefficients_are_those_of_scipys_transform(form: tuple[int, ...]):
    items = torch.randn(form, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    axes = smooth_axes(items)
    expected = torch.from_numpy(dctn(items.numpy(), axes=axes, norm="ortho"))
    sizes = [items.shape[axis] for axis in axes]
    weight = frequency_weight(*sizes).double()
    if items.ndim == 5:
        weight = weight[:, None]
    assert torch.allclose(to_coefficients(items, axes) * weight, expected, atol=1e-6)
    assert torch.allclose(to_pixels(to_coefficients(items, axes), axes), items, atol=1e-6)


def test_a_step_in_time_counts_as_a_step_in_space():
    weight = frequency_weight(8, 8, 8)
    assert weight[6, 0, 0] == weight[0, 6, 0] == weight[0, 0, 6] == pytest.approx(1 / 3)
    assert weight[0, 0, 0] == 1

"""Every encoder is tried on one batch when it is made; the error names what to change."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import vlbench
from vlbench.encoders.options import TimmOptions
from vlbench.errors import NotFiniteError, ProtocolError, VlbenchError
from vlbench.testing.toys import ToyEncoder, toy_builder, toy_dataset, toy_student


class Module(nn.Module):
    """Mean colours as 16 features, spoiled in one way."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.weight = how, nn.Parameter(torch.ones(16))
        if how == "weights":
            nn.init.constant_(self.weight, math.nan)

    def forward(self, pixels: Tensor) -> object:
        features = pixels.flatten(1)[:, :16] * self.weight + 0.5
        if self.how == "small":
            return features + 1e-6 * features.mean(0)
        return {
            "mates": lambda: features - features.mean(0),
            "draws": lambda: features + torch.rand(features.shape),
            "double": lambda: features.double(),
            "integer": lambda: features.long(),
            "map": lambda: features[:, :, None, None],
            "wide": lambda: torch.cat([features, features], 1),
            "fewer": lambda: features[:2],
            "tuple": lambda: (features,),
            "raises": lambda: pixels @ torch.ones(7, 7),
        }.get(self.how, lambda: features)()


class Spoiled(ToyEncoder):
    def __init__(self, side: str, how: str) -> None:
        super().__init__(side)
        if side == "image":
            self.module = Module(how)


def make(tmp_path: Path, how: str) -> vlbench.students.Student:
    builder = toy_builder(toy_dataset(), tmp_path)
    spoiled = dataclasses.replace(builder, make_encoder=lambda c: Spoiled(c.encoder.removeprefix("toy-"), how))
    return spoiled.student("small", toy_student())


@pytest.mark.parametrize("how", ["fine", "small"])
def test_an_encoder_that_fits_is_made(tmp_path: Path, how: str):
    assert make(tmp_path, how).towers["image"].width == 16


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("mates", "depend on the other items of its batch"),
        ("draws", "other features when it is asked a second time"),
        ("double", "features of torch.float64, not torch.float32"),
        ("integer", "features of torch.int64, not torch.float32"),
        ("map", r"shape \[4, 16, 1, 1\] for 4 items, not \[4, 16\]"),
        ("wide", r"shape \[4, 32\] for 4 items, not \[4, 16\]"),
        ("fewer", r"shape \[2, 16\] for 4 items"),
        ("tuple", "gives a tuple, not a tensor"),
        ("raises", r"cannot take the data's items of form \[3, 8, 8\] \(RuntimeError"),
    ],
)
def test_an_encoder_that_does_not_fit_is_named_with_its_place_in_the_suite(tmp_path: Path, how: str, text: str):
    with pytest.raises(ProtocolError, match=text) as caught:
        make(tmp_path, how)
    assert str(caught.value).startswith("students.small.image: encoder 'toy-image'")
    assert "change students.small.image.options" in str(caught.value)


def test_weights_that_are_not_finite_are_named_as_such(tmp_path: Path):
    with pytest.raises(NotFiniteError, match=r"weights that are not finite: 1 of 1 .first: weight."):
        make(tmp_path, "weights")


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (TimmOptions("test_vit"), "set size = 160 in the options of the data"),
        (TimmOptions("test_resnet", arguments={"global_pool": ""}), "leave out arguments.global_pool = ''"),
    ],
)
def test_a_timm_model_says_which_option_to_change(tmp_path: Path, options: TimmOptions, advice: str):
    from vlbench.encoders.timm_encoder import TimmEncoder

    builder = toy_builder(toy_dataset(), tmp_path)
    timm = dataclasses.replace(
        builder, make_encoder=lambda c: TimmEncoder(options) if c.encoder == "toy-image" else ToyEncoder("text")
    )
    with pytest.raises(VlbenchError, match=advice) as caught:
        timm.student("small", toy_student())
    assert str(caught.value).count("\n") == 0

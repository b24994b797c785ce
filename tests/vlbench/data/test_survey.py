"""Items that stand in two splits, and too small a test split: in the record, once on the screen, on the board."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable

import pytest
import torch
from PIL import Image

from vlbench.data.pairs import PairDataset, Split
from vlbench.data.survey import survey


def pictures(count: int, seed: int, size: int = 32) -> torch.Tensor:
    """Smooth random pictures, uint8 [count, 3, size, size]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 6, 6, generator=generator) * 255
    return torch.nn.functional.interpolate(coarse, size=size, mode="bilinear").to(torch.uint8)


def dataset(train: torch.Tensor, val: torch.Tensor, test: torch.Tensor) -> PairDataset:
    splits = {}
    for name, items in (("train", train), ("val", val), ("test", test)):
        at = torch.arange(len(items))
        names = {"image": [f"{index}.png" for index in range(len(items))]}
        splits[name] = Split({"image": items, "text": ["a caption"] * len(items)}, torch.stack([at, at], 1), names)
    return PairDataset("pictures", ("image", "text"), splits, "fingerprint")


def as_jpeg(items: torch.Tensor, quality: int) -> torch.Tensor:
    found = []
    for item in items:
        buffer = io.BytesIO()
        Image.fromarray(item.permute(1, 2, 0).numpy()).save(buffer, "JPEG", quality=quality)
        found.append(torch.frombuffer(bytearray(Image.open(buffer).convert("RGB").tobytes()), dtype=torch.uint8))
    return torch.stack(found).view(len(items), 32, 32, 3).permute(0, 3, 1, 2).contiguous()


CLEAN = (pictures(300, 0), pictures(100, 1), pictures(100, 2))


def test_splits_that_share_nothing_and_a_large_test_split_are_silent():
    assert survey(dataset(*CLEAN)) == []


@pytest.mark.parametrize("count", [1, 99])
def test_a_small_test_split_is_named_with_its_size(count: int):
    train, val, test = CLEAN
    assert survey(dataset(train, val, test[:count])) == [
        f"Data: test holds {count} image items, under 100, so a recall at 10 says little."
    ]


@pytest.mark.parametrize("split", ["val", "test"])
def test_items_with_the_same_bytes_are_counted_and_two_are_named(split: str):
    parts = dict(zip(("train", "val", "test"), (part.clone() for part in CLEAN), strict=True))
    parts[split][[4, 7, 9]] = parts["train"][[30, 20, 10]]
    (text,) = survey(dataset(**parts))
    assert text == (
        f"Data: items of side 'image' with the same bytes in two splits: 3 (first: train 30.png = {split} 4.png)."
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda items: as_jpeg(items, 90),
        lambda items: as_jpeg(items, 60),
        lambda items: (items.float() * 0.8 + 20).to(torch.uint8),
        lambda items: (
            (items.float() + torch.randn(items.shape, generator=torch.Generator().manual_seed(0)) * 4)
            .clamp(0, 255)
            .to(torch.uint8)
        ),
    ],
    ids=["jpeg 90", "jpeg 60", "darker", "noise"],
)
def test_near_duplicates_are_counted(change: Callable[[torch.Tensor], torch.Tensor]):
    train, val, test = (part.clone() for part in CLEAN)
    test[:5] = change(train[:5])
    assert survey(dataset(train, val, test)) == ["Data: further near-duplicates of side 'image' across splits: 5."]


def test_pictures_of_one_colour_are_no_near_duplicates_of_each_other():
    train, val, test = (part.clone() for part in CLEAN)
    train[0], test[0], test[1] = 10, 200, 90
    assert survey(dataset(train, val, test)) == []


def test_floats_are_compared_by_bytes_alone():
    train, val, test = (torch.randn(100, 5, generator=torch.Generator().manual_seed(seed)) for seed in range(3))
    test[3] = train[8]
    (text,) = survey(dataset(train, val, test))
    assert "same bytes in two splits: 1 (first: train 8.png = test 3.png)" in text
    assert dataclasses.is_dataclass(dataset(train, val, test))

"""A dataset of three sides, of which a suite takes two."""

from __future__ import annotations

import pytest
import torch

import vlbench
from vlbench.errors import ProtocolError

SIDES = ("video", "audio", "text")
SPLIT = vlbench.Split(
    {"video": torch.zeros(2, 4, 3, 8, 8), "audio": torch.zeros(2, 8, 8), "text": ["a", "b", "c"]},
    torch.tensor([[0, 0, 0], [0, 0, 1], [1, 1, 2]]),
    {"audio": ["x.wav", "y.wav"]},
)
DATASET = vlbench.PairDataset("clips", SIDES, {"train": SPLIT}, vlbench.fingerprint(SIDES, {"train": SPLIT}))


def test_pairs_that_differ_on_a_side_left_out_become_one():
    taken = DATASET.taking(["audio", "video"]).split("train")
    assert taken.pairs.tolist() == [[0, 0], [1, 1]]
    assert list(taken.items) == ["audio", "video"]
    assert list(taken.names) == ["audio"]


def test_the_order_of_sides_is_that_of_the_columns():
    assert DATASET.taking(["text", "video"]).split("train").pairs.tolist() == [[0, 0], [1, 0], [2, 1]]


def test_every_choice_of_sides_has_a_fingerprint_of_its_own():
    choices = [["video", "text"], ["text", "video"], ["audio", "text"], ["audio", "video"]]
    assert len({DATASET.taking(sides).fingerprint for sides in choices} | {DATASET.fingerprint}) == 5


@pytest.mark.parametrize("sides", [[], ["video"], ["video", "video"], ["video", "smell"]])
def test_sides_that_are_not_two_of_the_dataset_are_named(sides: list[str]):
    with pytest.raises(ProtocolError, match="has the sides video, audio, text"):
        DATASET.taking(sides)


def test_a_dataset_of_two_sides_needs_no_choice():
    two = DATASET.taking(["video", "text"])
    assert two.taking(()) is two
    assert two.taking(["video", "text"]) is two

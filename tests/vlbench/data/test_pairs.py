"""A dataset's own rules, and what a method may see of it."""

from dataclasses import replace

import pytest
import torch

from vlbench.data.pairs import PairDataset, Split
from vlbench.data.views import TrainView
from vlbench.errors import DataError
from vlbench.testing import toy_dataset


def split(pairs, images=2, texts=3, **items):
    items = items or {"image": torch.zeros(images, 3, 4, 4, dtype=torch.uint8), "text": ["a"] * texts}
    return Split(items, torch.tensor(pairs))


def dataset(train):
    return PairDataset("toy", ("image", "text"), {"train": train}, "fingerprint")


def test_items_are_counted_by_side():
    made = dataset(split([[0, 0], [1, 2]]))
    assert (made.split("train").count("image"), made.split("train").count("text")) == (2, 3)


@pytest.mark.parametrize(
    ("train", "words"),
    [
        (split([[0, 3]]), "a pair names text 3, but there are 3"),
        (split([[2, 0]]), "a pair names image 2, but there are 2"),
        (split([[-1, 0]]), "a pair names image -1"),
        (split([0, 1]), r"pairs have shape \[2\]"),
        (Split(split([[0, 0]]).items, torch.empty(0, 2, dtype=torch.long)), "at least one pair"),
        (split([[0.0, 0.0]]), "pairs are torch.float32"),
        (split([[0, 0]], image=torch.zeros(1, 3), text="one text"), "items are one str"),
        (split([[0, 0]], image=torch.zeros(1, 3), text=[["a", "b"]]), "an item is a list"),
        (split([[0, 0]], image=torch.zeros(1, 3, dtype=torch.complex64), text=["a"]), "items are torch.complex64"),
        (replace(split([[0, 0]]), names={"image": ["a.png"]}), "1 names of 2 items"),
        (split([[0, 0]], image=[1], audio=[1]), r"items of sides \['audio', 'image'\], expected \['image', 'text'\]"),
    ],
)
def test_a_split_that_contradicts_itself_is_refused_by_name(train, words):
    with pytest.raises(DataError, match=words) as caught:
        dataset(train)
    assert "toy/train" in str(caught.value)


def test_an_unknown_split_is_named_with_those_that_exist():
    with pytest.raises(DataError, match=r"has no split 'vla'. It has: train, val, test"):
        toy_dataset().split("vla")


def test_sides_may_be_of_any_kind():
    made = PairDataset(
        "sounds", ("audio", "text"), {"train": split([[0, 0]], audio=torch.zeros(1, 8), text=["a"])}, "f"
    )
    assert TrainView(made).sides == ("audio", "text")


def test_a_view_shows_the_train_split():
    data = toy_dataset()
    view = TrainView(data)
    assert len(view) == 120
    assert torch.equal(view.pairs, data.split("train").pairs)
    assert list(view.items("text")) == data.split("train").items["text"]
    assert (view.sides, view.fingerprint) == (data.sides, data.fingerprint)


def test_val_is_shown_where_declared_only():
    data = toy_dataset()
    with pytest.raises(DataError, match="sees_val=True"):
        _ = TrainView(data).val
    shown, val = TrainView(data, sees_val=True).val, data.split("val")
    assert torch.equal(shown.pairs, val.pairs)
    assert torch.equal(shown.items["image"], val.items["image"])
    assert list(shown.items["text"]) == val.items["text"]


def test_test_data_cannot_be_reached_from_a_view():
    data = toy_dataset()
    view = TrainView(data, sees_val=True)
    test = data.split("test")
    reachable = [*vars(view).values(), *(vars(value) for value in vars(view).values() if isinstance(value, Split))]
    assert not any(value is test or value is data or value is data.splits for value in reachable)


def test_a_view_of_data_without_val_is_fine_unless_val_is_declared():
    data = replace(toy_dataset(), splits={"train": toy_dataset().split("train")})
    TrainView(data)
    with pytest.raises(DataError, match="no split 'val'"):
        TrainView(data, sees_val=True)

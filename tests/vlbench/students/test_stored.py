"""Features that are too many for a copy: scores and embeddings are those of the same features in memory."""

from pathlib import Path

import pytest
import torch
from torch import nn

import vlbench
from vlbench.cache import Cache
from vlbench.errors import NotFiniteError
from vlbench.methods.room import room
from vlbench.students import stored
from vlbench.students.build import StudentBuilder, StudentConfig
from vlbench.students.heads import HeadConfig
from vlbench.students.student import TowerConfig


class Given(vlbench.Encoder):
    """Items are features."""

    width = 12
    identity = "given 12"

    def __init__(self) -> None:
        self.module = nn.Identity()

    def inputs(self, items):
        return items.float()


def builder(folder: Path, *, bad: int | None = None) -> StudentBuilder:
    generator = torch.Generator().manual_seed(0)
    items = {side: (5 + torch.randn(300, 12, generator=generator)).half() for side in ("image", "text")}
    if bad is not None:
        items["text"][bad, 3] = torch.inf
    split = vlbench.Split(items, torch.arange(300)[:, None].repeat(1, 2))
    splits = {"train": split, "val": split, "test": split}
    data = vlbench.PairDataset("given", ("image", "text"), splits, vlbench.fingerprint(("image", "text"), splits))
    return StudentBuilder(data, lambda config: Given(), Cache(folder))


def config(standardise: str) -> StudentConfig:
    tower = TowerConfig("given", standardise=standardise, head=HeadConfig(kind="linear", width=8))
    return StudentConfig({"image": tower, "text": tower})


@pytest.mark.parametrize("standardise", ["none", "global", "element"])
def test_tower_inputs_of_stored_features_are_those_of_copied_ones(tmp_path, monkeypatch, standardise):
    found = []
    for limit in (1 << 28, 0):
        monkeypatch.setattr(stored, "COPIED_BYTES", limit)
        monkeypatch.setattr(stored, "BLOCK", 64)
        one = builder(tmp_path / str(limit))
        student = one.student("own", config(standardise))
        found.append(one.tower_inputs(student, "train").take("text", torch.tensor([299, 0, 7])))
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("standardise", ["none", "global"])
def test_a_stored_feature_that_is_not_finite_is_named_by_its_place(tmp_path, monkeypatch, standardise):
    monkeypatch.setattr(stored, "COPIED_BYTES", 0)
    monkeypatch.setattr(stored, "BLOCK", 64)
    one = builder(tmp_path, bad=130)
    with pytest.raises(NotFiniteError, match=r"side 'text'.*first: 130\)"):
        one.tower_inputs(one.student("own", config(standardise)), "train")


def test_room_on_a_file_takes_what_is_written_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setattr("vlbench.methods.room.IN_MEMORY_BYTES", 0)
    made = room(5, 3, tmp_path)
    made[2] = torch.tensor([1.0, 2.0, 3.0])
    assert made.sum() == 6
    assert list(tmp_path.iterdir()) == []

"""Features that are too many for a copy: scores and embeddings are those of the same features in memory."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn

import vlbench
from vlbench.cache import Cache
from vlbench.errors import DataError, NotFiniteError
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


class Computed(Given):
    """Features have to be computed."""

    identity = "computed 12"

    def __init__(self) -> None:
        self.module = nn.Sequential()


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


def test_features_that_do_not_fit_the_disk_are_refused_before_any_is_computed(tmp_path, monkeypatch):
    one = builder(tmp_path)
    encoded = StudentBuilder(one.dataset, lambda config: Computed(), one.cache)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=28_799))
    # 300 train items on two sides, 12 numbers of four bytes each
    with pytest.raises(DataError, match=r"features of student 'own' take about 0.0 GB, .* 0.0 GB left"):
        encoded.student("own", config("global"))
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=28_800))
    student = encoded.student("own", config("global"))
    for split in ("train", "val", "test"):
        encoded.tower_inputs(student, split)
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=0))
    encoded.student("own", config("global"))  # all is there


def test_both_encoders_are_made_before_features_of_either_are_computed(tmp_path):
    one, made = builder(tmp_path), []

    def make(tower):
        made.append(tower)
        if len(made) == 2:
            raise DataError("the text encoder is not there.")
        return Computed()

    with pytest.raises(DataError, match="not there"):
        StudentBuilder(one.dataset, make, one.cache).student("own", config("global"))
    assert not (tmp_path / "features").exists()

"""What methods are given of large data, and how a change of it is noticed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import vlbench
from vlbench.data import lent
from vlbench.data.lent import LentItems
from vlbench.data.pairs import PairDataset

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere the system does not name the file")


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lent, "COPIED_BYTES", 0)
    monkeypatch.setattr(lent, "_NO_FILE_BYTES", 0)


@pytest.fixture
def on_file(tmp_path: Path) -> torch.Tensor:
    np.save(tmp_path / "items.npy", np.arange(40_000, dtype=np.float16).reshape(5000, 8))
    return torch.from_numpy(np.load(tmp_path / "items.npy", mmap_mode="c"))


def dataset_of(items: torch.Tensor) -> PairDataset:
    pairs = torch.arange(len(items))[:, None].repeat(1, 2)
    splits = {"train": vlbench.Split({"image": items, "text": ["a text"] * len(items)}, pairs)}
    return PairDataset("mine", ("image", "text"), splits, "0" * 64)


@linux
@pytest.mark.parametrize("rows", [slice(0, 5000), slice(3, 4999)])
def test_items_on_a_file_are_given_as_a_view_that_is_private(on_file: torch.Tensor, tmp_path: Path, rows: slice):
    before = on_file[rows].clone()
    given = lent.lent(on_file[rows])
    assert torch.equal(given, before)
    given.numpy()[:] = 7
    given[1:].zero_()
    assert torch.equal(on_file[rows], before)
    assert torch.equal(torch.from_numpy(np.load(tmp_path / "items.npy"))[rows], before)
    assert not LentItems(dataset_of(on_file)).changed(dataset_of(on_file))


@linux
def test_items_that_were_changed_after_they_were_read_are_given_as_they_are(on_file: torch.Tensor):
    on_file[4] = -1
    given = lent.lent(on_file)
    assert torch.equal(given, on_file)
    with pytest.raises(RuntimeError, match="inference"):
        given[0] = 5


def test_a_change_of_items_in_memory_is_seen_whichever_way_it_was_made():
    dataset = dataset_of(torch.arange(40_000.0).reshape(5000, 8))
    items = LentItems(dataset)
    given = lent.lent(dataset.split("train").items["image"])
    assert not items.changed(dataset)
    given.numpy()[-1, -1] += 1
    assert items.changed(dataset) == ["image items of train"]
    with pytest.raises(RuntimeError, match="inference"):  # and yet PyTorch has written by then
        given[0] = 5


@linux
def test_a_change_of_the_file_by_its_path_is_seen(on_file: torch.Tensor, tmp_path: Path):
    dataset = dataset_of(on_file)
    items = LentItems(dataset)
    assert not items.changed(dataset)
    with (tmp_path / "items.npy").open("r+b") as file:
        file.seek(-2, os.SEEK_END)
        file.write(b"\x11\x22")
    os.utime(tmp_path / "items.npy", ns=(1, 1))
    assert items.changed(dataset) == ["image items of train"]

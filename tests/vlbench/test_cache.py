"""Cache entries appear whole, under their full key, and are only what was asked for."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from vlbench.cache import Cache
from vlbench.disk.place import default_cache
from vlbench.disk.sums import short_hash
from vlbench.files import fresh_prefix

KEY = {"data": "f", "split": "train", "sizes": [1, 2], "rate": 0.5}
TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor([1, 2], dtype=torch.uint8)}


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache")


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_is_stored_is_loaded(cache):
    assert cache.load("features", KEY) is None
    cache.store("features", KEY, TENSORS)
    loaded = cache.load("features", KEY)
    assert set(loaded) == {"a", "b"}
    assert all(
        torch.equal(loaded[name], tensor) and loaded[name].dtype == tensor.dtype for name, tensor in TENSORS.items()
    )


@pytest.mark.parametrize("other", [{**KEY, "split": "val"}, {**KEY, "sizes": [2, 1]}, {**KEY, "extra": 0}, {}])
def test_another_key_finds_nothing(cache, other):
    cache.store("features", KEY, TENSORS)
    assert cache.load("features", other) is None
    assert cache.load("other kind", KEY) is None


def test_the_order_of_a_key_does_not_count_and_tuples_are_lists(cache):
    cache.store("features", KEY, TENSORS)
    assert cache.load("features", {**dict(reversed(KEY.items())), "sizes": (1, 2)}) is not None


def test_a_key_is_compared_field_by_field_and_not_by_its_hash(cache):
    cache.store("features", KEY, TENSORS)
    stored = cache.folder("features", KEY) / "key.json"
    stored.write_text(json.dumps({**KEY, "split": "test"}))
    assert cache.load("features", KEY) is None
    cache.store("features", KEY, TENSORS)
    assert cache.load("features", KEY) is not None


@pytest.mark.parametrize("file", ["key.json", "data.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"broken"])
def test_a_broken_entry_is_made_again(cache, file, content):
    cache.store("features", KEY, TENSORS)
    path = cache.folder("features", KEY) / file
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert cache.load("features", KEY) is None
    assert torch.equal(cache.get("features", KEY, lambda: TENSORS)["a"], TENSORS["a"])
    assert cache.load("features", KEY) is not None
    entry = cache.folder("features", KEY).name
    assert names(cache.root / "features") == [entry, f"{entry}.damaged"]


def at(path, position):
    """Where a bit is flipped: 0 to 1 along a file."""
    return min(int(position * path.stat().st_size), path.stat().st_size - 1)


@pytest.mark.parametrize("file", ["key.json", "data.safetensors", "SHA256SUMS"])
@pytest.mark.parametrize("position", [0.0, 0.3, 0.7, 1.0])
def test_one_flipped_bit_in_an_entry_is_named_and_the_entry_made_again(tmp_path, file, position):
    said = []
    cache = Cache(tmp_path, said.append)
    cache.store("features", KEY, TENSORS)
    path = cache.folder("features", KEY) / file
    content = bytearray(path.read_bytes())
    content[at(path, position)] ^= 1
    path.write_bytes(content)
    again = {name: tensor + 1 for name, tensor in TENSORS.items()}
    assert torch.equal(cache.get("features", KEY, lambda: again)["a"], again["a"])
    assert [line.split()[1:5] for line in said] == [["features", path.parent.name, "is", "damaged"]]
    assert torch.equal(cache.load("features", KEY)["a"], again["a"])


def test_an_entry_without_hashes_as_version_0_1_wrote_it_is_made_again(cache):
    cache.store("features", KEY, TENSORS)
    (cache.folder("features", KEY) / "SHA256SUMS").unlink()
    again = {name: tensor + 1 for name, tensor in TENSORS.items()}
    assert torch.equal(cache.get("features", KEY, lambda: again)["a"], again["a"])


def test_what_a_killed_process_left_half_written_goes_at_the_next_start(cache):
    cache.store("features", KEY, TENSORS)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead, alive = fresh_prefix().replace(str(os.getpid()), str(gone.pid)), fresh_prefix()
    for name in (f"{dead}x", f"{alive}y", ".new-of-version-0-1"):
        (cache.root / "features" / name).mkdir()
    day_ago = time.time() - 90_000
    os.utime(cache.root / "features" / ".new-of-version-0-1", (day_ago, day_ago))
    Cache(cache.root)
    assert names(cache.root / "features") == [f"{alive}y", cache.folder("features", KEY).name]


def test_get_computes_once(cache):
    calls = []

    def compute():
        calls.append(1)
        return TENSORS

    first, second = cache.get("features", KEY, compute), cache.get("features", KEY, compute)
    assert len(calls) == 1
    assert torch.equal(first["a"], second["a"])


def test_a_failure_is_not_stored(cache):
    def fail():
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        cache.get("features", KEY, fail)
    assert cache.load("features", KEY) is None
    assert not (cache.root / "features").exists()


def test_an_entry_that_is_there_stays(cache):
    cache.store("features", KEY, TENSORS)
    cache.store("features", KEY, {"a": torch.zeros(1)})
    assert torch.equal(cache.load("features", KEY)["a"], TENSORS["a"])
    assert len(names(cache.root / "features")) == 1


def test_a_write_that_fails_leaves_nothing(cache, monkeypatch):
    def full(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(OSError, match="disk full"):
        cache.store("features", KEY, TENSORS)
    assert names(cache.root / "features") == []


def test_views_of_other_tensors_can_be_stored(cache):
    table = torch.arange(12.0).view(3, 4)
    cache.store("features", KEY, {"left": table[:, :2], "right": table[:, 2:], "turned": table.T})
    loaded = cache.load("features", KEY)
    assert torch.equal(loaded["right"], table[:, 2:])
    assert torch.equal(loaded["turned"], table.T)


STORE_MANY = """
import sys, torch
from pathlib import Path
from vlbench.cache import Cache
for index in range(20):
    Cache(Path(sys.argv[1])).store("features", {"index": index}, {"a": torch.full((100,), float(index))})
"""


def test_processes_that_store_at_once_do_not_hurt_each_other(cache):
    workers = [subprocess.Popen([sys.executable, "-c", STORE_MANY, str(cache.root)]) for _ in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0]
    assert all(int(cache.load("features", {"index": index})["a"][0]) == index for index in range(20))
    assert len(names(cache.root / "features")) == 20


def test_a_key_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        short_hash({"rate": float("nan")})


def test_the_environment_names_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("VLBENCH_CACHE")
    assert "vlbench" in Path(default_cache()).parts


def test_what_two_ask_for_at_once_is_computed_once(cache):
    calls = []

    def compute():
        calls.append(1)
        time.sleep(0.1)
        return TENSORS

    with ThreadPoolExecutor(2) as pool:
        found = [future.result() for future in [pool.submit(cache.get, "experts", KEY, compute) for _ in range(2)]]
    assert len(calls) == 1
    assert all(torch.equal(one["a"], TENSORS["a"]) for one in found)
    assert names(cache.root / "experts") == [cache.folder("experts", KEY).name]

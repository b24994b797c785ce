"""`vlbench cache` lists, checks and prunes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from vlbench.cache import Cache
from vlbench.cli.main import main


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path))
    cache = Cache(tmp_path)
    for number in range(3):
        cache.store("features", {"number": number}, {"a": torch.full((1000,), float(number))})
    return cache


def invoke(*words: str) -> Result:
    return CliRunner().invoke(main, ["cache", *words])


def rows(result: Result) -> list[list[str]]:
    return [line.split()[:3] for line in result.stdout.splitlines()]


def test_entries_are_listed_by_kind_with_count_and_size(cache: Cache) -> None:
    result = invoke()
    assert result.exit_code == 0
    assert ["features", "entry", "3"] in rows(result)
    assert f"in {cache.root}" in result.stdout


def test_verify_sets_aside_what_is_damaged_and_prune_removes_it(cache: Cache) -> None:
    assert invoke("--verify").exit_code == 0
    path = cache.folder("features", {"number": 1}) / "data.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    result = invoke("--verify")
    assert result.exit_code == 1
    assert f"{path.parent}: data.safetensors is not what SHA256SUMS says" in result.stdout
    assert cache.load("features", {"number": 1}) is None
    assert "Removed 1 " in invoke("--prune").stdout
    assert rows(invoke())[1][:3] == ["features", "entry", "2"]


def test_prune_removes_what_nothing_reads_and_on_request_what_was_long_not_read(cache: Cache) -> None:
    (cache.folder("features", {"number": 0}) / "SHA256SUMS").unlink()
    left = cache.root / "features" / ".new-1-elsewhere-x"
    left.mkdir()
    old = time.time() - 10 * 86400
    os.utime(left, (old, old))
    os.utime(cache.folder("features", {"number": 1}) / "key.json", (old, old))
    assert "Removed 2 " in invoke("--prune").stdout
    assert "Removed 1 " in invoke("--prune", "--unused", "9").stdout
    assert cache.load("features", {"number": 2}) is not None
    assert invoke("--unused", "3").exit_code == 2


def test_a_cache_that_is_not_there_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "nowhere"))
    for words in ((), ("--verify",), ("--prune",)):
        assert invoke(*words).exit_code == 0
    assert not (tmp_path / "nowhere").exists()

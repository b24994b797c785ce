"""A run that dies at any write it makes is finished by the same command, and comes out as if it had never died."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vlbench.board.gather import gather
from vlbench.files import NEW

from .rolled import Listener, contents, run, write_plugin

WRITES = ("replace", "rename", "fsync", "mkdir", "unlink")
"""Functions of ``os`` by which anything becomes durable, appears, or goes."""
EVERY = int(os.environ.get("VLBENCH_EVERY_WRITE", "0"))
"""Every write from this one on, which takes many minutes, and not each sixth or thirteenth."""


class Killed(BaseException):
    """The process is gone: from here on it writes nothing, not even while it cleans up."""


class Failing:
    """Counts the writes of a block, and fails the n-th: once, as a disk does, or for good, as a kill does."""

    def __init__(self, at: int, error: BaseException) -> None:
        self.at, self.error, self.count = at, error, 0

    def __enter__(self) -> Failing:
        self._patch = pytest.MonkeyPatch()
        for name in WRITES:
            self._patch.setattr(os, name, self._counting(getattr(os, name)))
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()

    def _counting(self, write: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **more: Any) -> Any:
            self.count += 1
            dead = isinstance(self.error, Killed) and self.count > self.at
            if self.count == self.at or (dead and self.at):
                raise self.error
            return write(*given, **more)

        return counted


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_plugin(tmp_path_factory.mktemp("plugin"))


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def cache_contents(cache: Path) -> dict[str, bytes]:
    """Entries; what a killed process left half-written goes when it is dead, and here it lives on."""
    found = [path for path in cache.rglob("data.safetensors") if not path.parent.name.startswith(NEW)]
    return {str(path.relative_to(cache)): path.read_bytes() for path in found}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the heartbeat is killed as well
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), Killed()], ids=["full", "killed"])
@pytest.mark.parametrize("kind", ["warm cache", "cold cache"])
def test_a_run_that_dies_at_its_nth_write_comes_out_the_same(
    plugin: str, tmp_path: Path, own_cache: Path, error: BaseException, kind: str
) -> None:
    run(plugin, tmp_path / "reference")  # the dataset is made here, for all
    data = own_cache / "data"
    with Failing(0, error) as counter:
        run(plugin, tmp_path / "counted")
    reference, cached = contents(next((tmp_path / "reference").glob("rolled-*"))), cache_contents(own_cache)
    writes = counter.count + (60 if kind == "cold cache" else 0)
    assert counter.count > 20
    step = 1 if EVERY else 6 if kind == "warm cache" else 13
    for number in range(max(EVERY, 1), writes + 1, step):
        out = tmp_path / f"out-{number}"
        if kind == "cold cache":
            shutil.copytree(data, tmp_path / f"cache-{number}" / "data")
            os.environ["VLBENCH_CACHE"] = str(tmp_path / f"cache-{number}")
        with Failing(number, error) as failing:
            try:
                record = run(plugin, out)
            except (Killed, OSError):
                record = None
        if failing.count < number:
            break
        assert record is None or record.status in ("finished", "failed")
        assert not gather([out]).left_out if out.exists() else True
        listener = Listener()
        assert run(plugin, out, observer=listener).status == "finished"
        assert not [line for line in listener.lines if "damaged" in line]
        assert contents(next(out.glob("rolled-*"))) == reference
        left = cache_contents(Path(os.environ["VLBENCH_CACHE"]))
        assert {name: cached[name] for name in left} == left
        # A run is finished though one entry could not be written; then nobody has asked for that one since.
        assert left.keys() == cached.keys() or (record is not None and record.status == "finished")
        shutil.rmtree(out)

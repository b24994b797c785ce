"""A file of a run that went bad is named, set aside, and made again by the command that made it; bit for bit."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
import torch

import vlbench
from vlbench.budget import Budget
from vlbench.disk.tensors import write_tensors
from vlbench.errors import VlbenchError
from vlbench.records.record import find_records
from vlbench.runs.jobs import Job
from vlbench.runs.timings import Timings

from .rolled import QUICK, Listener, contents, run, write_plugin

MENDED = ("ranks.parquet", "preview.npy", "preview.json", "hits.json", "hits.npy")
REMADE = ("record.json", "artifact.json", "artifact.safetensors")


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_plugin(tmp_path_factory.mktemp("plugin"))


@pytest.fixture(scope="module")
def made(plugin: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of runs."""
    out = tmp_path_factory.mktemp("made")
    run(plugin, out)
    return out


@pytest.fixture
def out(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "runs"))


def folder_of(out: Path) -> Path:
    return next(out.glob("rolled-*"))


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def nested(path: Path) -> None:
    path.write_bytes(b"[" * 100_000)


def gone(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("harm", [flipped, emptied, cut, nested, gone], ids=lambda harm: harm.__name__)
@pytest.mark.parametrize("name", [*REMADE, *MENDED])
def test_a_damaged_file_is_named_set_aside_and_made_again_by_the_same_command(plugin, out, name, harm):
    folder = folder_of(out)
    before = contents(folder)
    harm(folder / name)
    listener = Listener()
    assert run(plugin, out, observer=listener).status == "finished"
    assert contents(folder) == before
    assert (folder / f"{name}.damaged").exists() is (harm is not gone)
    said = [line for line in listener.lines if name in line]
    assert len(said) == 1
    assert "made again" in said[0]
    again = Listener()
    run(plugin, out, observer=again)
    assert not [line for line in again.lines if "made again" in line]


@pytest.mark.parametrize("name", MENDED)
def test_what_follows_from_the_artifact_is_made_again_without_the_method(out, name, tmp_path, plugin):
    listener = Listener()
    flipped(folder_of(out) / name)
    run(plugin, out, observer=listener)
    assert any("finished before" in line for line in listener.lines)


def test_a_run_without_hashes_as_version_0_1_wrote_it_is_adopted_where_its_files_fit(plugin, out):
    folder = folder_of(out)
    before = contents(folder)
    (folder / "SHA256SUMS").unlink()
    run(plugin, out)
    assert contents(folder) == before
    assert (folder / "SHA256SUMS").exists()
    (folder / "SHA256SUMS").unlink()
    ranks = (folder / "ranks.parquet").read_bytes()
    cut(folder / "ranks.parquet")
    run(plugin, out)
    assert (folder / "ranks.parquet").read_bytes() == ranks


@pytest.mark.parametrize("harm", [flipped, emptied, cut], ids=lambda harm: harm.__name__)
def test_a_damaged_checkpoint_is_set_aside_and_the_method_begins_again(plugin, out, tmp_path, harm):
    folder = folder_of(out)
    before = contents(folder)
    fresh = tmp_path / "fresh" / folder.name
    fresh.mkdir(parents=True)
    write_tensors(fresh / "checkpoint.safetensors", {"steps": torch.ones(1)}, {"spent_s": "1.0"})
    harm(fresh / "checkpoint.safetensors")
    listener = Listener()
    run(plugin, tmp_path / "fresh", observer=listener)
    assert any("checkpoint" in line and "begins again" in line for line in listener.lines)
    left = contents(fresh)
    assert left == before


@pytest.mark.parametrize("name", [*REMADE, "ranks.parquet", "preview.npy"])
def test_every_reader_of_a_run_says_which_file_is_damaged(out, name):
    from vlbench.board.per_image import image_scores
    from vlbench.board.picture import read_preview

    folder = folder_of(out)
    record = find_records([folder])[0]
    flipped(folder / name)
    readers = {
        "record.json": lambda: find_records([folder]),
        "artifact.json": lambda: vlbench.load_artifact(folder),
        "artifact.safetensors": lambda: vlbench.load_artifact(folder),
        "ranks.parquet": lambda: image_scores(record, "convnet"),
        "preview.npy": lambda: read_preview(folder, 4),
    }
    with pytest.raises(VlbenchError, match=f"{name} of .* is damaged"):
        readers[name]()


def test_a_second_process_waits_for_the_first_says_so_and_finds_the_run(plugin, tmp_path):
    script = textwrap.dedent(f"""
        import sys, vlbench
        from vlbench.progress import PlainObserver
        vlbench.run(method="rolled", budget=20, suite="scenes-mini", overrides={QUICK!r}, out={str(tmp_path)!r},
                    plugins=[{plugin!r}], observer=PlainObserver(sys.stdout))
    """)
    held = tmp_path / ".locks"
    first = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while not list(held.glob("rolled-*.owner")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(first.pid, 19)  # SIGSTOP: it holds the run for as long as is needed here
    second = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert second.stdout is not None
    line = next(line for line in second.stdout if "works on it" in line)
    assert f"process {first.pid} on " in line
    os.kill(first.pid, 18)
    rest = second.communicate(timeout=300)[0]
    first.communicate(timeout=300)
    assert first.returncode == 0
    assert second.returncode == 0
    assert "finished before" in rest


def test_the_lock_of_a_killed_process_holds_nobody_up(plugin, tmp_path, out):
    folder = folder_of(out)
    (out / ".locks").mkdir(exist_ok=True)
    (out / ".locks" / f"{folder.name}.lock").touch()
    (out / ".locks" / f"{folder.name}.owner").write_text('{"process": 1, "host": "gone", "since": "long ago"}')
    (folder / "record.json").unlink()
    listener = Listener()
    assert run(plugin, out, observer=listener).status == "finished"
    assert not [line for line in listener.lines if "works on it" in line]


DAMAGED_TIMES: list[dict[str, object]] = [
    {"budget": "x"}, {"budget": None}, {"condense_s": None}, {"score_s": "1"}, {"score_s": float("nan")},
    {"memory_bytes": "9"}, {"options": []}, {"method": 3},
]  # fmt: skip


@pytest.mark.parametrize("change", DAMAGED_TIMES, ids=str)
def test_a_damaged_line_of_timings_is_left_out_and_the_others_count(tmp_path: Path, change: dict[str, object]) -> None:
    row = {"protocol": "p", "device": "cpu", "method": "random", "budget": "20", "options": "x", "condense_s": 1.0,
           "score_s": 2.0, "memory_bytes": 9, "bytes": 7}  # fmt: skip
    full = row | {"method": "full", "budget": "full", "score_s": 5.0}
    lines = [json.dumps(one) for one in (row | change, row, full)]
    (tmp_path / "timings.jsonl").write_text("\n".join([*lines, "[" * 90_000, ""]))
    timings = Timings(tmp_path, "p", "cpu")
    assert timings.estimate(Job("random", Budget(20))).seconds == 3.0
    assert timings.estimate(Job("full")).seconds == 6.0

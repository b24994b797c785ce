"""A protocol of the literature from nothing to a row: mock, prepare, run with the network switched off."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import vlbench.cli.main

SMALL = {"training.seeds": "2", "training.grid.0.epochs": "3", "training.warmup.epochs": "1", "rows.full": "false"}
QUICK = ["-o", "experts=2", "-o", "outer_steps=3", "-o", "expert_steps=24", "-o", "interval=6"]
CALLER = """
import socket
import threading
import vlbench

class Caller(vlbench.Selector):
    needs_features = False

    def select(self, features, size, generator):
        failed = []

        def call():
            try:
                socket.create_connection(("127.0.0.1", 9), timeout=1)
            except BaseException as error:
                failed.append(error)

        thread = threading.Thread(target=call)
        thread.start()
        thread.join()
        raise failed[0]

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec("caller", "caller:Caller", "selection", "Calls home.")]
"""


def invoke(*words: str) -> Result:
    return CliRunner().invoke(vlbench.cli.main.main, list(words))


def settings(overrides: dict[str, str]) -> list[str]:
    return [word for key, value in overrides.items() for word in ("--set", f"{key}={value}")]


class Desk:
    """A folder of its own, with a mock of Flickr30k and tiny encoders."""

    def __init__(self, folder: Path, stand_ins: Callable[[str], dict[str, str]]) -> None:
        self.folder, self.stand_ins, self.mock = folder, stand_ins, folder / "mock"
        assert invoke("data", "mock", "flickr30k", "--images", "40", "--out", str(self.mock)).exit_code == 0

    def prepare(self, suite: str, *more: str) -> Result:
        return invoke("prepare", suite, *settings(self.stand_ins(suite) | SMALL), *more)

    def run(self, suite: str, *more: str, plugin: str = "") -> Result:
        words = ["run", "--suite", suite, "--out", str(self.folder / "runs"), "--budget", "6", "--json", *more]
        return invoke(*(["--plugin", plugin] if plugin else []), *words, *settings(self.stand_ins(suite) | SMALL))


@pytest.fixture
def desk(tmp_path: Path, stand_ins: Callable[[str], dict[str, str]], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "cache"))
    return Desk(tmp_path, stand_ins)


@pytest.mark.parametrize("suite", ["flickr30k-heads", "flickr30k-vldd"])
def test_a_prepared_suite_runs_without_network_and_without_its_folder_being_named(suite: str, desk: Desk) -> None:
    prepared = desk.prepare(suite, "--data", str(desk.mock), "--offline")
    assert prepared.exit_code == 0, prepared.output
    assert "a MOCK, whose rows are never ranked" in prepared.output
    before = kept(desk.folder / "cache")
    done = desk.run(suite, "--offline", "--method", "vldd", *QUICK)
    assert done.exit_code == 0, done.output + done.stderr
    (record,) = json.loads(done.stdout)
    assert (record["status"], record["mock"], record["method"]) == ("finished", True, "vldd")
    assert str(desk.mock) not in done.stdout
    assert record["chosen"]["nfnet"]["epochs"] == 3
    new = kept(desk.folder / "cache") - before
    assert not [path for path in new if path.startswith("data/")]
    keys = [
        json.loads((desk.folder / "cache" / path).read_text())
        for path in new
        if path.startswith("features/") and path.endswith("key.json")
    ]
    # Nothing that the protocol freezes is left to compute; vldd starts on a twin whose image encoder is frozen, too.
    assert {key["side"] for key in keys} <= ({"image"} if suite == "flickr30k-vldd" else set())


def kept(cache: Path) -> set[str]:
    return {str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file()}


def test_a_folder_that_is_named_goes_before_the_one_remembered(desk: Desk) -> None:
    suite = "flickr30k-heads"
    elsewhere = desk.folder / "moved"
    assert desk.prepare(suite, "--data", str(desk.mock)).exit_code == 0
    shutil.move(desk.mock, elsewhere)
    words = ("--method", "random")
    gone = desk.run(suite, *words)
    assert gone.exit_code == 1
    assert "dataset_flickr30k.json' does not exist" in gone.stderr
    assert "--data" in gone.stderr
    assert desk.run(suite, *words, "--data", str(elsewhere)).exit_code == 0


def test_prepare_names_every_missing_file_and_where_users_get_it(desk: Desk) -> None:
    (desk.mock / "dataset_flickr30k.json").unlink()
    found = desk.prepare("flickr30k-heads", "--data", str(desk.mock))
    assert found.exit_code == 1
    lines = found.output.splitlines()
    missing = lines.index(f"MISSING  {desk.mock / 'dataset_flickr30k.json'}")
    assert "caption_datasets.zip" in lines[missing + 1]
    assert f"there    {desk.mock / 'flickr30k-images'}" in lines
    assert [line for line in lines if line.startswith("there    nfnet, text: ")]
    nothing = invoke("prepare", "flickr30k-heads", "--offline")
    assert nothing.exit_code == 1
    assert "MISSING  dataset_flickr30k.json" in nothing.output
    assert "MISSING  flickr30k-images" in nothing.output
    assert "MISSING  nfnet, text: bert-base-uncased" in nothing.output
    assert "name it: --data DIR" in nothing.output


def test_prepare_says_what_is_wrong_with_files_that_are_there(desk: Desk) -> None:
    file = desk.mock / "dataset_flickr30k.json"
    content: dict[str, Any] = json.loads(file.read_text())
    del content["mock"]
    file.write_text(json.dumps(content))
    found = desk.prepare("flickr30k-heads", "--data", str(desk.mock))
    assert found.exit_code == 1
    assert "WRONG    flickr30k: 30 train images, expected 29,000" in found.output


def test_a_method_that_calls_out_of_a_thread_is_stopped_when_offline(desk: Desk) -> None:
    plugin = desk.folder / "caller.py"
    plugin.write_text(CALLER)
    words = ("--method", "caller", "--data", str(desk.mock))
    stopped = desk.run("flickr30k-heads", "--offline", *words, plugin=str(plugin))
    assert stopped.exit_code == 1
    assert "--offline: something asked for the network (socket." in stopped.stderr
    allowed = desk.run("flickr30k-heads", *words, plugin=str(plugin))
    assert "Connection refused" in allowed.stdout + allowed.stderr


def test_a_folder_for_a_dataset_without_files_is_refused() -> None:
    refused = invoke("run", "--suite", "scenes-mini", "--method", "random", "--budget", "5", "--data", ".")
    assert refused.exit_code == 1
    assert "dataset 'scenes' reads no files of yours. Leave out --data." in refused.stderr

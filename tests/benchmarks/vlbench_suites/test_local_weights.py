"""Pretrained weights from a folder of the user's: those whose SHA-256 the suite states leave a row on protocol."""

from __future__ import annotations

import hashlib
import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from click.testing import CliRunner, Result
from safetensors.torch import save_file

import vlbench.cli.main
from vlbench.protocol.load import load_protocol
from vlbench.registry.loader import load_registry

SUITES = Path(__file__).parents[3] / "benchmarks" / "vlbench_suites"
SUITE = """
name = "mine"
version = 1
data = { name = "flickr30k", options = { size = 32, clean = "vldd" } }
rows = { always = [], full = false }

[students.s.image]
encoder = "timm"
options = { model = "test_resnet", weights = "pretrained" }
sha256 = { "resnet.safetensors" = "IMAGE" }
head = { kind = "linear", width = 8 }

[students.s.text]
encoder = "sentence-transformers"
options = { name = "bert-of-the-hub", pooling = "cls", max_length = 24 }
sha256 = { "model.safetensors" = "MODEL", "vocab.txt" = "VOCAB" }
head = { kind = "linear", width = 8 }

[training]
seeds = 1
grid = [{ steps = 3, batch = 4, learning_rate = 0.1 }]
warmup = { steps = 3, batch = 4, learning_rate = 0.1 }
"""


def invoke(*words: object) -> Result:
    return CliRunner().invoke(vlbench.cli.main.main, [str(word) for word in words])


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


class Desk:
    """A suite that states hashes, a mock of its data, and a folder with the weights."""

    def __init__(self, folder: Path, bert: Path) -> None:
        self.folder, self.data, self.weights = folder, folder / "mock", folder / "weights"
        assert invoke("data", "mock", "flickr30k", "--images", 30, "--out", self.data).exit_code == 0
        shutil.copytree(bert, self.weights / "bert")
        self.image, self.text = self.weights / "resnet.safetensors", self.weights / "bert" / "model.safetensors"
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            save_file(timm.create_model("test_resnet").state_dict(), self.image)
        self.suite = folder / "mine.toml"
        digests = {"IMAGE": sha256(self.image)[:8], "MODEL": sha256(self.text)}
        text = SUITE.replace("VOCAB", sha256(self.weights / "bert" / "vocab.txt"))
        for name, digest in digests.items():
            text = text.replace(name, digest)
        self.suite.write_text(text)

    def prepare(self, *more: object) -> Result:
        return invoke("prepare", self.suite, "--data", self.data, "--offline", *more)

    def run(self, *more: object) -> Result:
        words = ("--method", "random", "--budget", 5, "--out", self.folder / "runs", "--offline", "--json")
        return invoke("run", "--suite", self.suite, *words, *more)


@pytest.fixture
def desk(tmp_path: Path, encoders: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "cache"))
    return Desk(tmp_path, encoders / "bert")


def record_of(done: Result) -> dict[str, Any]:
    assert done.exit_code == 0, done.output + done.stderr
    (record,) = json.loads(done.stdout)
    return record


def test_weights_of_the_stated_hash_leave_a_row_on_protocol(desk: Desk) -> None:
    prepared = desk.prepare("--weights", desk.weights)
    assert prepared.exit_code == 0, prepared.output
    assert f"{desk.image}, of the SHA-256 that the suite states" in prepared.output
    assert f"{desk.text.parent}, of the SHA-256 that the suite states" in prepared.output
    record = record_of(desk.run())
    assert not record.get("overrides")
    assert record["protocol_hash"] == load_protocol(str(desk.suite), load_registry()).hash
    by_path = {"students.s.image.options.weights": desk.image}
    other = record_of(desk.run(*[word for key, path in by_path.items() for word in ("--set", f'{key}="{path}"')]))
    assert list(other["overrides"]) == list(by_path)
    # The weights are those of the file either way, and the path is no part of what they are called.
    assert other["encoders"] == record["encoders"]
    assert record["encoders"]["s"]["text"].startswith("sentence-transformers bert-of-the-hub ")
    assert str(desk.folder) not in json.dumps(record["encoders"])


def test_weights_of_another_hash_are_refused_with_both_hashes(desk: Desk) -> None:
    (desk.weights / "bert" / "vocab.txt").write_text("[PAD]\n[UNK]\n")
    refused = desk.prepare("--weights", desk.weights)
    assert refused.exit_code == 1
    assert sha256(desk.weights / "bert" / "vocab.txt") in refused.output
    assert desk.run().exit_code == 1  # nothing was remembered of them


def test_weights_that_change_after_preparing_are_refused_by_a_run(desk: Desk) -> None:
    assert desk.prepare("--weights", desk.weights).exit_code == 0
    state = {name: value + 1 for name, value in timm.create_model("test_resnet").state_dict().items()}
    save_file(state, desk.image)
    refused = desk.run()
    assert refused.exit_code == 1
    assert "vlbench prepare SUITE --weights DIR" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_other_weights_beside_those_of_a_models_folder_are_refused(desk: Desk) -> None:
    shutil.copy(desk.text, desk.text.with_name("pytorch_model.bin"))
    refused = desk.prepare("--weights", desk.weights)
    assert refused.exit_code == 1
    assert "also holds pytorch_model.bin" in refused.output


@pytest.mark.parametrize("value", ['"abc"', '{ "a.bin" = "12345" }', '{ "a/b.bin" = "0123456789" }'])
def test_hashes_of_another_form_are_an_error(value: str, desk: Desk) -> None:
    desk.suite.write_text(desk.suite.read_text().replace('sha256 = { "resnet', f"sha256 = {value}\n#"))
    refused = desk.run()
    assert refused.exit_code == 1
    assert "eight at least" in refused.stderr


def test_a_stated_hash_is_no_part_of_the_protocols_hash(desk: Desk) -> None:
    stated = load_protocol(str(desk.suite), load_registry()).hash
    lines = desk.suite.read_text().splitlines()
    desk.suite.write_text("\n".join(line for line in lines if not line.startswith("sha256")))
    assert load_protocol(str(desk.suite), load_registry()).hash == stated


def test_suites_of_the_literature_state_hashes_of_all_weights_but_a_vit() -> None:
    missing = [
        (file.stem, side)
        for file in SUITES.glob("*.toml")
        if file.stem.startswith(("flickr", "coco"))
        for student in tomllib.loads(file.read_text())["students"].values()
        for side in ("image", "text")
        if not student[side].get("sha256")
    ]
    assert missing == [("flickr30k-vldd-vit-lora", "image")]

"""``vlbench data``: what is in a user's data, and what can be said about it in a suite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import vlbench.cli.main
from vlbench.registry.loader import load_registry
from vlbench.registry.options import describe

SUITE = """
name = "own"
version = 1
[data]
name = "pairs"
options = { annotations = ["list.json"], images = ["."], size = 32 }
[students.own]
image = { encoder = "scenes-convnet" }
text = { encoder = "scenes-text" }
[training]
seeds = 1
warmup = { steps = 1, batch = 8, learning_rate = 0.1 }
grid = [{ steps = 1, batch = 8, learning_rate = 0.1 }]
"""


def invoke(*words: object) -> Result:
    return CliRunner().invoke(vlbench.cli.main.main, ["data", *map(str, words)])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "cache"))
    (tmp_path / "suite.toml").write_text(SUITE)
    return tmp_path


def picture(number: int) -> Image.Image:
    patches = np.random.default_rng(number).integers(0, 256, (8, 9, 3), dtype=np.uint8)
    return Image.fromarray(patches).resize((32, 32))


def write(folder: Path, tests: int = 100) -> list[dict[str, Any]]:
    splits = ["train"] * 20 + ["val"] * 5 + ["test"] * tests
    found = []
    for number, split in enumerate(splits):
        picture(number).save(folder / f"{number}.png")
        found.append({"image": f"{number}.png", "caption": [f"number {number}", f"the {number}"], "split": split})
    (folder / "list.json").write_text(json.dumps(found))
    return found


def check(*words: object) -> dict[str, Any]:
    result = invoke("check", "suite.toml", "--json", *words)
    found: dict[str, Any] = json.loads(result.stdout)
    return found | {"exit_code": result.exit_code}


def test_counts_captions_an_image_and_lengths_are_told(here: Path) -> None:
    write(here)
    found = check()
    assert found["facts"]["train"] == "20 image, 40 text, 40 pairs"
    assert found["facts"]["val, pairs an image item"] == "2 to 2, median 2"
    assert found["facts"]["test, words a text item"] == "2 to 2, median 2"
    assert (found["problem"], found["exit_code"]) == (None, 0)


def test_the_same_picture_in_two_splits_is_told_with_both_names(here: Path) -> None:
    write(here)
    picture(3).save(here / "30.png")
    picture(60).save(here / "61.png")
    warnings = check()["warnings"]
    assert "1 image items are in two splits, to the bit: train 3.png = test 30.png" in warnings
    assert "test: 1 image items are there twice" in warnings
    assert check("--strict")["exit_code"] == 1


def test_pictures_that_look_alike_across_splits_are_counted(here: Path) -> None:
    write(here)
    before = sum("near-duplicates" in warning for warning in check()["warnings"])
    assert before == 0
    changed = picture(3)
    changed.putpixel((5, 5), (1, 2, 3))
    changed.save(here / "30.png")
    assert "1 image items of train and test look alike (near-duplicates)" in check()["warnings"]


def test_few_test_items_and_odd_captions_are_told(here: Path) -> None:
    found = write(here, tests=6)
    found[0]["caption"] = ["...", "word " * 80]
    (here / "list.json").write_text(json.dumps(found))
    warnings = check()["warnings"]
    assert any("test has 6 image items" in warning for warning in warnings)
    assert "train: 1 text items hold no letter and no digit" in warnings
    assert any(warning.startswith("train: 1 text items have more than 60 words") for warning in warnings)


def test_what_is_missing_or_broken_is_counted_and_the_rest_looked_at(here: Path) -> None:
    write(here)
    (here / "3.png").unlink()
    (here / "4.png").write_bytes(b"no picture")
    found = check()
    assert found["exit_code"] == 1
    assert "'3.png' is missing" in found["problem"]
    assert found["facts"]["train"] == "18 image, 36 text, 36 pairs"
    assert any("left out, as skip_bad asks: 2 (3.png, 4.png)" in warning for warning in found["warnings"])


def test_data_that_cannot_be_read_at_all_is_an_error(here: Path) -> None:
    (here / "list.json").write_text("{")
    result = invoke("check", "suite.toml")
    assert result.exit_code == 1
    assert "list.json, line 1: not valid JSON" in result.output


def test_all_forms_are_listed(here: Path) -> None:
    listed = {form["name"] for form in json.loads(invoke("formats", "--json").stdout) if form["dataset"] == "pairs"}
    choices = describe(load_registry().get("dataset", "pairs").options)
    (kinds,) = [row.type for row in choices if row.name == "format"]
    assert listed == set(kinds.split("|")) - {"auto"}

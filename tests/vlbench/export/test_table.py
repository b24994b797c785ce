"""The pairs of a run as files that need no vlbench."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

import vlbench
import vlbench.cli.main
from vlbench.registry.loader import load_registry
from vlbench.registry.options import parse_options
from vlbench.registry.specs import resolve

Runs = dict[str, Path]


def invoke(plugin: str, *words: object) -> Result:
    return CliRunner().invoke(vlbench.cli.main.main, ["--plugin", plugin, "export", *map(str, words)])


def exported(plugin: str, run: Path, target: Path) -> list[dict[str, str]]:
    result = invoke(plugin, run, "--to", target)
    assert result.exit_code == 0, result.output
    with (target / "pairs.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def pixels(path: Path) -> torch.Tensor:
    with Image.open(path) as image:
        return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)


@pytest.fixture(scope="module")
def train(tmp_path_factory: pytest.TempPathFactory) -> vlbench.Split:
    spec = load_registry().get("dataset", "scenes")
    options = parse_options(spec.options, {"size": "mini"}, owner="test")
    split = resolve(spec.target)(options, tmp_path_factory.mktemp("scenes")).split("train")
    assert isinstance(split, vlbench.Split)
    return split


def test_selected_pairs_are_told_by_position_text_and_picture(
    study_plugin: str, runs: Runs, train: vlbench.Split, tmp_path: Path
) -> None:
    rows = exported(study_plugin, runs["random"], tmp_path / "out")
    chosen = vlbench.load_artifact(runs["random"])
    assert isinstance(chosen, vlbench.Selection)
    assert [int(row["train_pair"]) for row in rows] == chosen.indices.tolist()
    for row in rows:
        image, text = train.pairs[int(row["train_pair"])].tolist()
        assert (row["image"], row["text"]) == (str(image), train.items["text"][text])
        assert torch.equal(pixels(tmp_path / "out" / row["image_file"]), train.items["image"][image])


def test_an_averaged_caption_is_told_by_all_captions_that_are_averaged(
    study_plugin: str, runs: Runs, train: vlbench.Split, tmp_path: Path
) -> None:
    rows = exported(study_plugin, runs["mean-caption"], tmp_path / "out")
    chosen = vlbench.load_artifact(runs["mean-caption"])
    assert isinstance(chosen, vlbench.Selection)
    assert len(rows) == 5 * len(chosen)
    for pair, index in enumerate(chosen.indices.tolist()):
        image = int(train.pairs[index, 0])
        texts = {train.items["text"][text] for at, text in train.pairs.tolist() if at == image}
        assert {row["text"] for row in rows if row["pair"] == str(pair)} == texts


def test_made_pairs_are_told_by_their_pixels_and_the_nearest_train_text(
    study_plugin: str, runs: Runs, train: vlbench.Split, tmp_path: Path
) -> None:
    rows = exported(study_plugin, runs["brighter"], tmp_path / "out")
    made = vlbench.load_artifact(runs["brighter"])
    assert isinstance(made, vlbench.DistilledPairs)
    assert [row["train_pair"] for row in rows] == [""] * len(made)
    assert {row["text"] for row in rows} <= set(train.items["text"])
    for row, stored in zip(rows, made.sides["image"], strict=True):
        assert torch.equal(pixels(tmp_path / "out" / row["image_file"]), stored)


def test_a_folder_with_something_in_it_is_left_alone(study_plugin: str, runs: Runs, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    result = invoke(study_plugin, runs["random"], "--to", tmp_path)
    assert result.exit_code == 1
    assert "there is something already" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]

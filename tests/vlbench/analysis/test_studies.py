"""Questions asked of finished runs, through the command line."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from msgspec import structs
from PIL import Image

import vlbench
import vlbench.cli.main
from vlbench.artifacts.artifact import save_artifact
from vlbench.records.record import read_record, write_record
from vlbench.registry.loader import load_registry
from vlbench.registry.options import NoOptions, parse_options
from vlbench.registry.specs import resolve

Runs = dict[str, Path]


def invoke(plugin: str, *words: object) -> Result:
    return CliRunner().invoke(vlbench.cli.main.main, ["--plugin", plugin, *map(str, words)])


def answer(plugin: str, *words: object) -> Any:
    result = invoke(plugin, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_the_last_step_is_the_score_of_the_record_and_no_choice_on_test_is_lower(study_plugin: str, runs: Runs) -> None:
    found = answer(study_plugin, "checkpoints", runs["brighter"], "--every", 15)
    recorded = read_record(runs["brighter"]).scores["convnet"].mean_recall
    assert found["last"]["seeds"] == pytest.approx(recorded.seeds, abs=1e-9)
    assert found["steps"] == [0, 15, 30, 45, 60]
    for ranked in ("last", "val_chosen"):
        assert all(
            best >= value for best, value in zip(found["best_on_test"]["seeds"], found[ranked]["seeds"], strict=True)
        )
        assert found["bias"][ranked] == pytest.approx(found["best_on_test"]["mean"] - found[ranked]["mean"])
    assert found["curves"]["test"][-1] == pytest.approx(found["last"]["mean"])


def test_the_released_scripts_recipe_is_another_training(study_plugin: str, runs: Runs) -> None:
    found = answer(study_plugin, "checkpoints", runs["brighter"], "--published")
    assert (found["recipe"]["steps"], found["recipe"]["schedule"], found["recipe"]["weight_decay"]) == (
        50,
        "constant",
        5e-4,
    )


def test_parts_stand_between_the_start_and_the_whole(study_plugin: str, runs: Runs) -> None:
    found = answer(study_plugin, "contributions", runs["brighter"])
    record = read_record(runs["brighter"])
    means = {part: scores["mean_recall"]["mean"] for part, scores in found.items()}
    assert list(means) == ["start", "image only", "text only", "all"]
    assert means["all"] == pytest.approx(record.scores["convnet"].mean_recall.mean, abs=0.01)
    assert means["start"] == pytest.approx(record.start.scores["convnet"].mean_recall.mean, abs=3)
    assert means["text only"] == pytest.approx(means["start"], abs=0.01), "this method leaves the text as it was"
    assert means["image only"] == pytest.approx(means["all"], abs=0.01)


def test_soft_targets_are_a_part_of_their_own(study_plugin: str, runs: Runs, tmp_path: Path) -> None:
    run = Path(shutil.copytree(runs["brighter"], tmp_path / "soft"))
    artifact = vlbench.load_artifact(run)
    assert isinstance(artifact, vlbench.DistilledPairs)
    one = torch.eye(len(artifact))
    shifted = vlbench.artifacts.Targets(torch.zeros(len(artifact)), one, one.roll(1, 1))
    save_artifact(replace(artifact, targets=shifted), run)
    found = answer(study_plugin, "contributions", run)
    means = {part: scores["mean_recall"]["mean"] for part, scores in found.items()}
    assert list(means) == ["start", "image only", "text only", "targets only", "targets off", "all"]
    own = read_record(run).scores["convnet"].mean_recall.mean
    assert means["targets off"] == pytest.approx(own, abs=0.01)
    assert max(means["targets only"], means["all"]) < own / 2, "these targets teach what does not match"


def test_contributions_of_real_pairs_are_refused_by_name(study_plugin: str, runs: Runs) -> None:
    result = invoke(study_plugin, "contributions", runs["random"])
    assert result.exit_code == 1
    assert "this artifact has none" in result.stderr


def test_leads_are_counted_from_both_baselines_at_every_effort(study_plugin: str, runs: Runs, tmp_path: Path) -> None:
    found = answer(study_plugin, "strength", *runs.values(), "--students", 1, "--to", tmp_path / "strength.png")
    efforts = {row["effort"] for row in found["rows"]}
    assert {"published", "tuned x1", "untuned x0.0625", "tuned x2"} <= efforts
    assert len(found["rows"]) == 3 * len(efforts)
    by = {(row["effort"], row["method"]): row for row in found["rows"]}
    for effort in efforts:
        means = {method: by[effort, method]["scores"]["mean_recall"]["mean"] for method in runs}
        lead = by[effort, "brighter"]["lead"]
        assert lead["random"] == pytest.approx(means["brighter"] - means["random"])
        assert lead["mean-caption"] == pytest.approx(means["brighter"] - means["mean-caption"])
    assert by["untuned x0.0625", "random"]["steps"] == 4
    with Image.open(tmp_path / "strength.png") as picture:
        assert picture.width > 800


def test_strength_without_a_baseline_says_which_command_makes_it(study_plugin: str, runs: Runs) -> None:
    result = invoke(study_plugin, "strength", runs["brighter"], runs["random"])
    assert result.exit_code == 1
    assert "vlbench run --method mean-caption --budget 30 --suite scenes-mini" in result.stderr


def test_pairs_copied_from_test_are_flagged_and_others_are_not(study_plugin: str, runs: Runs, tmp_path: Path) -> None:
    fair = answer(study_plugin, "leaks", runs["brighter"], "--to", tmp_path / "fair.png")
    assert not any(look["flag"] for look in fair.values())
    copied = tmp_path / "copied"
    shutil.copytree(runs["brighter"], copied)
    artifact = vlbench.load_artifact(copied)
    spec = load_registry().get("dataset", "scenes")
    options = parse_options(spec.options or NoOptions, {"size": "mini"}, owner="test")
    test = resolve(spec.target)(options, tmp_path).split("test")
    assert isinstance(artifact, vlbench.DistilledPairs)
    artifact.sides["image"][:10] = test.items["image"][40:50]
    save_artifact(artifact, copied)
    found = answer(study_plugin, "leaks", copied)
    assert found["image pixels"]["flag"]
    assert found["image features"]["flag"]
    assert not found["text features"]["flag"]
    nearest = {one["pair"]: one["test_item"] for one in found["image pixels"]["nearest"]}
    assert all(nearest[pair] == 40 + pair for pair in range(10))
    assert "look" in invoke(study_plugin, "leaks", copied).stdout


def test_a_run_under_another_protocol_is_refused_with_the_field_that_differs(
    study_plugin: str, runs: Runs, tmp_path: Path
) -> None:
    shutil.copytree(runs["brighter"], tmp_path / "run")
    write_record(tmp_path / "run", structs.replace(read_record(tmp_path / "run"), protocol_hash="0" * 16))
    result = invoke(study_plugin, "checkpoints", tmp_path / "run")
    assert result.exit_code == 1
    assert "protocol_hash is 0000000000000000" in result.stderr

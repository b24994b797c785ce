"""Strangers' plugins through the whole harness: found by their entry points, run, scored, shown."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import vlbench
from vlbench.cli.main import main
from vlbench.registry.loader import load_registry
from vlbench.testing import check_plugin

QUICK = {"rows.always": "[]", "rows.full": "false", "training.seeds": "1"}
STEPS = {"vldd": {"experts": 2, "outer_steps": 20}, "covmatch": {"steps": 50}, "text-ridge": {"steps": 100}}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def run(method: str, suite: str, out: Path) -> vlbench.Record:
    options = STEPS.get(method, {})
    return vlbench.run(method=method, budget=20, suite=suite, out=out, overrides=QUICK, options=options)


def recall(record) -> float:
    (scores,) = record.scores.values()
    return scores.mean_recall.mean


@pytest.mark.usefixtures("installed")
def test_they_are_known_by_their_entry_points():
    registry = load_registry()
    status = {plugin.name: plugin.status for plugin in registry.plugins if plugin.distribution != "vlbench"}
    assert {"covmatch", "depth", "pds-selection", "ridge-meta", "tones"} <= status.keys()
    assert set(status.values()) == {"ok"}


@pytest.mark.usefixtures("installed")
def test_the_dataset_the_encoder_and_the_suite_of_sounds_conform():
    results = check_plugin("tones")
    assert {result.kind for result in results} == {"plugin", "dataset", "encoder", "suite"}
    assert [result for result in results if result.status == "failed"] == []


@pytest.mark.usefixtures("installed")
def test_distillers_of_two_other_kinds_teach_more_than_selected_pairs(out: Path):
    selected = [recall(run(method, "scenes-mini", out)) for method in ("random", "pds-selection")]
    distilled = [recall(run(method, "scenes-mini", out)) for method in ("text-ridge", "covmatch")]
    assert min(distilled) > max(selected)


@pytest.mark.usefixtures("installed")
def test_sounds_and_captions_run_through_the_whole_harness(out: Path):
    record = run("vldd", "tones", out)
    assert recall(record) > max(recall(run(method, "tones", out)) for method in ("random", "herding"))
    scores = record.scores["random-features"]
    assert set(scores.directions) == {"audio_to_text", "text_to_audio"}
    artifact = vlbench.load_artifact(out / record.id)
    sounds = artifact.sides["audio"]
    assert artifact.spaces["audio"] == "items"
    assert sounds.dtype == torch.float32
    assert -60.01 <= float(sounds.min()) < float(sounds.max()) < 0.01  # decibels, as in the data
    stored = 20 * (32 * 32 + 256) * 4
    assert 0.7 * stored < record.cost.bytes < stored  # decibels and vectors of float32, losslessly coded
    shown = CliRunner().invoke(main, ["show", str(out / record.id)])
    assert shown.exit_code == 0, shown.output
    table = CliRunner().invoke(main, ["leaderboard", str(out)])
    for text in ("TR@1", "AR@10", "TR = audio_to_text, AR = text_to_audio", "TR = image_to_text, IR = text_to_image"):
        assert text in table.output
    assert max(map(len, table.output.splitlines())) <= 80


@pytest.mark.usefixtures("installed")
def test_selected_sounds_are_counted_and_drawn_as_they_are(out: Path):
    record = run("random", "tones", out)
    artifact = vlbench.load_artifact(out / record.id)
    registry = load_registry()
    from vlbench_tones import TonesOptions, recordings

    assert "tones" in registry.all("dataset")
    train = recordings.load(TonesOptions(), out).split("train")
    captions = [train.items["text"][i] for i in train.pairs[artifact.indices, 1].tolist()]
    sounds, words = 20 * 32 * 32 * 4, sum(len(caption) for caption in captions)
    assert words < record.cost.bytes < sounds + words
    assert record.cost.bytes == vlbench.artifacts.artifact_bytes(artifact, train)
    assert (out / record.id / "preview.npy").exists()


@pytest.mark.usefixtures("installed")
def test_a_fourth_modality_takes_a_plugin_and_nothing_else(out: Path):
    results = check_plugin("depth")
    assert [result for result in results if result.status == "failed"] == []
    record = run("vldd", "depth", out)
    assert recall(record) > recall(run("random", "depth", out))
    assert set(record.scores["random-features"].directions) == {"depth_to_text", "text_to_depth"}
    metres = vlbench.load_artifact(out / record.id).sides["depth"]
    assert metres.dtype == torch.float32
    assert 0 <= float(metres.min()) < float(metres.max()) <= 10
    assert (out / record.id / "preview.npy").exists()
    called = [CliRunner().invoke(main, list(map(str, arguments))) for arguments in (
        ("show", out / record.id),
        ("export", out / record.id, "--to", out.with_name("depth-pairs")),
        ("leaderboard", out, "--format", "html", "--out", out.with_name("board.html")),
    )]  # fmt: skip
    assert [result.exit_code for result in called] == [0, 0, 0], [result.output for result in called]
    assert len(list(out.with_name("depth-pairs").rglob("*.png"))) == 20
    assert "depth_to_text" in out.with_name("board.html").read_text()

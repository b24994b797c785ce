"""The suites that ship: released ones never change, and each builds its students."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import vlbench.cli.main
from vlbench.progress import SilentObserver
from vlbench.protocol.load import load_protocol
from vlbench.registry.loader import load_registry
from vlbench.runs.request import RunRequest
from vlbench.runs.session import Session

REGISTRY = load_registry()
RELEASED = {
    "audiocaps": "c5b6a3ace2f72ced",
    "clips-audio-video": "102f1946fdc23b96",
    "clips-mini": "61e14f7131686801",
    "clips-text-audio": "0df65057ff3da0f8",
    "clips-video-text": "ef68948f971900af",
    "clotho": "b2761be196105d42",
    "coco-vldd": "4cd67a009feff1ed",
    "didemo-audio-video": "50fc874d86d17999",
    "didemo-text-audio": "4bf3fabc54dfa727",
    "didemo-video-text": "3e7c5cf8707d55e2",
    "flickr30k-heads": "f7ca84588f3b8c03",
    "flickr30k-vldd": "23b7156dfeb948fd",
    "flickr30k-vldd-clip": "2ace18f7bfe303dc",
    "flickr30k-vldd-vit-lora": "309000d012ea3c96",
    "flickr8k-vldd": "e69bd0b3e97cd0e5",
    "scenes": "6509797308ff7e56",
    "scenes-encoder": "52544431100fda86",
    "scenes-mini": "dba9ec8eece7e2ca",
    "scenes-vit": "54f8c924d794fa0c",
    "stamps-image-speech": "c69dd5e1d7c799fb",
    "stamps-image-text": "58f6d9f6022d909c",
    "stamps-text-speech": "08d2b27895048f88",
}
"""Suite -> hash. Once a release has it, a line is never edited: a changed protocol is a new file under a new name."""
LITERATURE = sorted(name for name in RELEASED if name.startswith(("flickr", "coco")))
StandIns = Callable[[str], dict[str, str]]


@pytest.fixture(scope="module")
def mocks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mocks")
    for name in ("flickr8k", "flickr30k", "coco"):
        words = ["data", "mock", name, "--images", "40", "--out", str(folder / name)]
        assert CliRunner().invoke(vlbench.cli.main.main, words).exit_code == 0
    return folder


@pytest.fixture
def builder(
    mocks: Path, stand_ins: StandIns, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Session]]:
    """Suite and further overrides -> a workbench on the mock of its dataset."""
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "suites-cache"))

    def make(suite: str, **more: str) -> Session:
        overrides = stand_ins(suite) | {key.replace("__", "."): value for key, value in more.items()}
        data = mocks / suite.split("-")[0]
        return Session(REGISTRY, RunRequest(suite=suite, overrides=overrides, data=data), SilentObserver())

    return make


def test_a_released_protocol_never_changes() -> None:
    hashes = {name: load_protocol(name, REGISTRY).hash for name in REGISTRY.all("suite")}
    assert hashes == RELEASED


@pytest.mark.parametrize("suite", LITERATURE)
def test_a_suite_of_the_literature_is_the_papers_protocol(suite: str) -> None:
    protocol = load_protocol(suite, REGISTRY)
    student, (recipe,) = protocol.students[protocol.reference], protocol.training.grid
    assert protocol.data_options == {"size": 224, "clean": "vldd"}
    assert (protocol.training.seeds, student.temperature, student.learn_temperature) == (5, 0.07, False)
    assert student.loss == "info-nce"
    assert (recipe.momentum, recipe.weight_decay, recipe.epoch_over, recipe.noise) == (0.9, 5e-4, "pairs", 0.0)
    text = student.towers["text"]
    assert (text.train, text.standardise, text.head.kind, text.head.dropout) == ("frozen", "none", "residual", 0.1)
    assert student.towers["image"].options["mean"] == [0.48145466, 0.4578275, 0.40821073]
    expected = (101, 128, "step", "own") if suite.endswith("heads") else (50, 64, "constant", "first")
    assert (recipe.epochs, recipe.batch, recipe.schedule, recipe.learned_rates) == expected


@pytest.mark.parametrize("suite", LITERATURE)
def test_a_suite_of_the_literature_builds_and_trains_its_student(suite: str, builder: Callable[..., Session]) -> None:
    work = builder(suite)
    evaluator = work.evaluator(work.protocol.reference)
    student, tower_inputs = evaluator.student, evaluator.tower_inputs["train"]
    heads, trained = {"image", "text"}, student.towers["image"].config.train
    assert set(student.branches) == ({"image-lora", "text"} if trained == "lora" else heads)
    parameters = student.start(vlbench.SeedTree(0))
    batch = {
        side: tower_inputs.take(side, tower_inputs.pairs[::40, column]) for column, side in enumerate(student.sides)
    }
    gradient, loss = student.gradient(batch, parameters)
    assert torch.isfinite(loss)
    assert all(float(part.abs().sum()) > 0 for part in gradient.values())
    first, second = (student.embed(side, batch[side], parameters) for side in student.sides)
    assert first.shape == second.shape == (len(batch["text"]), 24)


def test_the_students_vectors_are_those_of_the_libraries(builder: Callable[..., Session], encoders: Path) -> None:
    from transformers import AutoTokenizer, BertModel, CLIPModel

    texts = ["a red bar on the left", "a blue circle"]
    for suite, name in (("flickr30k-vldd", "bert"), ("flickr30k-vldd-clip", "clip")):
        encoder = builder(suite).evaluator("nfnet").student.towers["text"].encoder
        tokens = AutoTokenizer.from_pretrained(encoders / name)(texts, padding=True, return_tensors="pt")
        with torch.no_grad():
            if name == "bert":
                expected = BertModel.from_pretrained(encoders / name).eval()(**tokens).last_hidden_state[:, 0]
            else:
                expected = CLIPModel.from_pretrained(encoders / name).eval().get_text_features(**tokens).pooler_output
            torch.testing.assert_close(encoder.module(encoder.inputs(texts)), expected, atol=1e-5, rtol=0)


def test_a_frozen_encoder_drops_out_in_training_only_where_the_protocol_says_so(
    builder: Callable[..., Session],
) -> None:
    from vlbench.students.training_sets import full_selection, training_set

    drawn = {}
    for dropout in ("false", "true"):
        evaluator = builder("flickr30k-heads", students__nfnet__text__dropout=dropout).evaluator("nfnet")
        tower_inputs = evaluator.tower_inputs["train"]
        data = training_set(full_selection(tower_inputs.pairs, "f"), evaluator.student, tower_inputs)
        drawn[dropout] = [data.tower_inputs(torch.arange(6), seed)["text"] for seed in (None, 1, 1, 2)]
    plain, (scored, first, again, other) = drawn["false"], drawn["true"]
    assert all(torch.equal(one, scored) for one in plain)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(first, scored)
    assert float((first - scored).norm() / scored.norm()) < 1


def test_a_suite_that_ships_is_a_file_that_the_wheel_holds() -> None:
    for name, spec in REGISTRY.all("suite").items():
        assert tomllib.loads(spec.read_text())["name"] == name

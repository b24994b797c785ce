"""Every suite and method off the CPU: on a device that is pretended everywhere, and on a GPU where there is one."""

from __future__ import annotations

import dataclasses
import json
import os
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import vlbench.cli.main
from vlbench import Budget, DistilledPairs, Selection
from vlbench.artifacts.artifact import load_artifact
from vlbench.progress import SilentObserver
from vlbench.protocol.load import load_protocol
from vlbench.records.record import Record
from vlbench.registry.loader import load_registry
from vlbench.runs.pipeline import run_many
from vlbench.runs.request import RunRequest
from vlbench.testing import pretend_gpu

METHODS = ("random", "mean-caption", "herding", "k-center", "forgetting", "vldd")
OPTIONS = {
    "vldd.experts": "2", "vldd.outer_steps": "2", "vldd.expert_steps": "4", "vldd.interval": "1",
    "vldd.segment_length": "1",
    "vldd.inner_steps": "2", "vldd.targets": "learned", "forgetting.epochs": "1",
}  # fmt: skip
COMMON = {"training.seeds": "1", "rows.full": "false", "rows.always": "[]"}
LITERATURE = {"training.grid.0.epochs": "2", "training.warmup.epochs": "1"}
STEPS = "[{ steps = 3, batch = 8, learning_rate = 0.1, noise = 0.5 }]"
OWN = {"data.options": '{ size = "mini" }', "training.grid": STEPS, "training.warmup.steps": "3"}
SUITES = (
    "scenes", "scenes-encoder", "scenes-vit", "flickr30k-vldd", "flickr30k-vldd-clip", "flickr30k-vldd-vit-lora",
    "flickr30k-heads",
)  # fmt: skip
"""One of each student: those of the other suites are built alike."""
OTHERS = tuple(name for name in load_registry().all("method") if name not in METHODS)
KINDS = ("scenes", "scenes-encoder", "scenes-vit", "clips-audio-video")
"""Suites on which they are tried: of heads alone, of a trained ConvNet, of LoRA, of media; the first one always, all
where VLBENCH_EVERY_SUITE is set: minutes."""
OF_TEXT = ("length", "ridge-meta")
"""Methods that refuse media without text, as they are by default."""
SMALLEST = {
    "experts": "2", "outer_steps": "2", "expert_steps": "4", "interval": "1", "segment_length": "1",
    "inner_steps": "2", "phases": "2",
}  # fmt: skip
SIDES_OF_CLIPS = ("clips-mini", "clips-audio-video", "clips-video-text", "clips-text-audio")
MORE = (
    *SIDES_OF_CLIPS, "flickr8k-vldd", "coco-vldd", "audiocaps", "clotho", "didemo-audio-video", "didemo-text-audio",
    "didemo-video-text", "stamps-image-text", "stamps-image-speech", "stamps-text-speech",
)  # fmt: skip
"""All others that ship: what they learn from is other items, so two methods of each are tried."""
FEW = ("clips-audio-video", "clotho")
"""Of these, one of video and one of sound, which are tried unless VLBENCH_EVERY_SUITE asks for all: minutes."""
READ = {"audiocaps": "{ seconds = 1.0 }", "clotho": "{ seconds = 1.0 }"}
READ |= {"didemo": "{ frames = 2, size = 32, seconds = 1.0 }"}
READ |= {"stamps": '{ language = "fr", size = 32, seconds = 0.5 }', "clips": '{ size = "mini" }'}
"""Dataset of video or sound -> how it is read small."""
TOLERANCE = 0.02
"""Largest difference between what a GPU and a CPU learn in two updates, as a share of the largest value."""


@contextmanager
def cuda() -> Iterator[str]:
    if not torch.cuda.is_available():
        pytest.skip(
            "no GPU here: torch.cuda.is_available() is False. With one, what it learns is compared with what "
            f"the CPU does, to {TOLERANCE:.0%} of the largest value."
        )
    yield "cuda"


@pytest.fixture(scope="module")
def mocks(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Name of a dataset -> a folder with a stand-in for it."""
    folder = tmp_path_factory.mktemp("mocks")

    def made(name: str) -> Path:
        out = folder / name
        if not out.exists():
            make_stamps(out) if name == "stamps" else make_mock(name, out)
        return out

    return made


def make_mock(name: str, out: Path) -> None:
    words = ["data", "mock", name, "--images", "32", "--out", str(out)]
    assert CliRunner().invoke(vlbench.cli.main.main, words).exit_code == 0


def make_stamps(out: Path) -> None:
    """Pictures, captions in French and their voice, in the form of Debian's package."""
    out.mkdir()
    random = np.random.default_rng(0)
    for number in range(64):
        Image.fromarray(random.integers(0, 256, (16, 16, 3), np.uint8)).save(out / f"{number}.png")
        (out / f"{number}.txt").write_text(f"red {number}\nfr.utf8=rouge {number}\n", encoding="utf-8")
        with wave.open(str(out / f"{number}_desc_fr.wav"), "wb") as voice:
            voice.setparams((1, 2, 16_000, 0, "NONE", ""))
            voice.writeframes(random.integers(-3000, 3000, 8_000, np.int16).tobytes())


def without_the_hub(suite: str, text: Path) -> dict[str, str]:
    """Overrides by which a suite's frozen encoders are small ones of their kind, of random weights."""
    found = {}
    for name, student in load_protocol(suite, load_registry()).students.items():
        for side, tower in student.towers.items():
            at = f"students.{name}.{side}.options"
            if tower.options.get("weights") == "pretrained":
                found |= {f"{at}.weights": '""', f"{at}.model": '"test_resnet"'}
            if tower.encoder == "sentence-transformers":
                found |= {f"{at}.name": json.dumps(str(text)), f"{at}.max_length": "24"}
    return found


class Pipeline:
    """Small runs of one suite, of its own cache on each device."""

    def __init__(
        self,
        suite: str,
        folder: Path,
        mocks: Callable[[str], Path],
        stand_ins: Callable[[str], dict[str, str]],
        text: Path,
    ) -> None:
        name = suite.split("-")[0]
        published = name in ("flickr8k", "flickr30k", "coco")
        read = {"data.options": READ[name]} if name in READ else {}
        self.overrides = COMMON | (
            LITERATURE | stand_ins(suite) if published else OWN | read | without_the_hub(suite, text)
        )
        self.suite, self.folder = suite, folder
        self.data = None if name in ("scenes", "clips") else mocks(name)

    def run(self, device: str, methods: tuple[str, ...]) -> dict[str, Record]:
        options = {key: text for name in methods for key, text in options_of(name).items()}
        request = RunRequest(
            self.suite, device=device, out=self.folder / device, options=options, overrides=self.overrides,
            data=self.data,
        )  # fmt: skip
        records = run_many(
            load_registry(), methods=methods, budgets=[Budget(5)], request=request, observer=SilentObserver()
        )
        return {record.method: record for record in records}

    def artifact(self, device: str, record: Record) -> Selection | DistilledPairs:
        return load_artifact(self.folder / device / record.id)


def options_of(name: str) -> dict[str, str]:
    """What makes a method small."""
    given = {key: text for key, text in OPTIONS.items() if key.split(".")[0] == name}
    kind = load_registry().get("method", name).options
    known = {field.name for field in dataclasses.fields(kind)} if kind is not None else set()
    smallest = {f"{name}.{key}": text for key, text in SMALLEST.items() if key in known}
    return given or smallest


@pytest.fixture
def pipeline(
    tmp_path: Path, mocks: Callable[[str], Path], stand_ins: Callable[[str], dict[str, str]], encoders: Path
) -> Callable[[str], Pipeline]:
    return lambda suite: Pipeline(suite, tmp_path, mocks, stand_ins, encoders / "bert")


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    return lambda device: monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / f"cache-{device}"))


GPUS = pytest.mark.parametrize(
    "gpu", [pytest.param(pretend_gpu, id="pretended"), pytest.param(cuda, id="real", marks=pytest.mark.cuda)]
)


@pytest.fixture
def compare(pipeline: Callable[[str], Pipeline], own_cache: Callable[[str], None]) -> Callable[..., None]:
    def both(suite: str, gpu: Callable[[], Any], methods: tuple[str, ...]) -> None:
        small, made = pipeline(suite), {}
        for context in (gpu(), nullcontext("cpu")):
            with context as device:
                own_cache(device)
                made[device] = small.run(device, methods)
            problems = {name: record.message for name, record in made[device].items() if record.status != "finished"}
            assert problems == {}, device
        there, here = ({name: small.artifact(device, of[name]) for name in methods} for device, of in made.items())
        for name in methods:
            assert_near(here[name], there[name])

    return both


@pytest.mark.parametrize("suite", SUITES)
@GPUS
def test_methods_learn_and_choose_on_a_gpu_what_they_do_on_the_cpu(
    suite: str, gpu: Callable[[], Any], compare: Callable[..., None]
) -> None:
    compare(suite, gpu, METHODS)


@pytest.mark.parametrize("suite", KINDS if os.environ.get("VLBENCH_EVERY_SUITE") else KINDS[:1])
@GPUS
def test_every_other_method_gives_on_a_gpu_what_it_gives_on_the_cpu(
    suite: str, gpu: Callable[[], Any], compare: Callable[..., None]
) -> None:
    methods = OTHERS if suite in SUITES else (*METHODS, *OTHERS)
    compare(suite, gpu, tuple(name for name in methods if suite in SUITES or name not in OF_TEXT))


@pytest.mark.parametrize("suite", MORE if os.environ.get("VLBENCH_EVERY_SUITE") else FEW)
@GPUS
def test_every_other_suite_gives_on_a_gpu_what_it_gives_on_the_cpu(
    suite: str, gpu: Callable[[], Any], compare: Callable[..., None]
) -> None:
    compare(suite, gpu, ("random", "vldd"))


def test_no_suite_is_left_out() -> None:
    assert {*SUITES, *MORE, "scenes-mini"} == set(load_registry().all("suite"))  # scenes is tried at its size "mini"


def assert_near(one: Selection | DistilledPairs, other: Selection | DistilledPairs) -> None:
    if isinstance(one, Selection):
        assert isinstance(other, Selection)
        assert torch.equal(one.indices, other.indices)
        return
    for side in one.sides:
        left, right = (artifact.values(side).float() for artifact in (one, other))
        assert float((left - right).abs().max()) <= TOLERANCE * float(left.abs().max()), side


def test_a_generator_of_the_cpu_fills_no_tensor_of_a_gpu() -> None:
    with pretend_gpu() as device, pytest.raises(RuntimeError, match="generator"):
        torch.empty(3, device=device).uniform_(generator=torch.Generator())


def test_an_index_of_the_cpu_is_an_error_where_cuda_makes_it_one() -> None:
    with pretend_gpu() as device:
        values = torch.arange(6.0).to(device)
        assert values[torch.tensor([1, 4])].tolist() == [1, 4]
        with pytest.raises(RuntimeError, match="on a device and on the CPU"):
            values.index_copy(0, torch.tensor([1, 4]), torch.zeros(2, device=device))


def test_a_tensor_of_a_gpu_is_no_array_and_its_gradient_is_that_of_the_cpu() -> None:
    start = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    weight = torch.randn(3, 2, generator=torch.Generator().manual_seed(1))
    with pretend_gpu() as device:
        leaf = start.to(device).requires_grad_()
        (there,) = torch.autograd.grad((leaf @ weight.to(device)).square().sum(), leaf)
        with pytest.raises(TypeError, match="cpu"):
            there.numpy()
        gradient = there.cpu()
    assert torch.equal(gradient, 2 * (start @ weight) @ weight.T)

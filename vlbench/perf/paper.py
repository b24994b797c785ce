"""The published scale: what a training step and a segment of matching take with the papers' encoders at 224 pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from vlbench.encoders.base import Encoder
from vlbench.matching.gradient import Segment, match
from vlbench.perf.footprint import Footprint, footprint
from vlbench.perf.heads import Ready
from vlbench.seeds import SeedTree
from vlbench.students.heads import HeadConfig, build_head
from vlbench.students.lora import LoraConfig
from vlbench.students.student import Standardise, Student, Tower, TowerConfig

SIDE, TEXT_WIDTH = 224, 768
INNER_STEPS, INNER_BATCH, EXPERT_BATCH = 8, 100, 128
ROUNDS, LIMIT_S = 3, 480
"""Measurements of each case on a GPU, after one that is not counted; and seconds that all of them may take."""
ENCODERS = (("nfnet_l0", "all"), ("vit_base_patch16_224", "lora"))
"""timm models of the papers, and which of their weights are trained."""
LORA = LoraConfig(rank=4, alpha=8, targets=("qkv", "proj", "fc1", "fc2"))


@dataclass(frozen=True)
class Case:
    """A work at the published scale.

    Attributes:
        what: it is.
        work: does so many inner steps of it; a training step has one.
        steps: inner steps.
        step_bytes: that each further inner step holds: the parameters before it.
    """

    what: str
    work: Callable[[int], object]
    steps: int = 1
    step_bytes: int = 0

    def plan(self) -> Footprint:
        """What it takes, counted in one inner step: the others do the same work, and hold its parameters more."""
        one = footprint(partial(self.work, 1))
        return Footprint(self.steps * one.flop, one.peak_bytes + (self.steps - 1) * self.step_bytes)


def cases(device: str, *, side: int = 0, micro_batches: tuple[int, ...] = (0, 10)) -> Iterator[Case]:
    """A step of an expert, and segments of 8 steps on 100 and 500 learned pairs, an inner batch of 100; random weights.

    Args:
        device: ``meta`` for what is only counted.
        side: pixels; 0: those of the papers.
        micro_batches: items of the encoder whose graph is held at a time; 0: all.
    """
    side = side or SIDE
    for model, train in ENCODERS:
        student = paper_student(model, train, device)
        batch = drawn(student, EXPERT_BATCH, side)
        yield Case(f"{model}, {train}: a training step of {EXPERT_BATCH} pairs", partial(step, student, batch))
        weights = sum(count for _, count in student.branches.values())
        for micro_batch in micro_batches:
            student = paper_student(model, train, device, micro_batch=micro_batch)
            held = f"{micro_batch} items at a time" if micro_batch else "in one piece"
            for pairs in (100, 500):
                what = f"{model}, {train}: a segment of {INNER_STEPS} steps, {pairs} pairs, {held}"
                yield Case(what, partial(segment, student, drawn(student, pairs, side)), INNER_STEPS, 4 * weights)


def paper_student(model: str, train: str, device: str, *, micro_batch: int = 0) -> Student:
    """The suites' student: an encoder of images, and the residual head on 768 numbers of a text."""
    import timm

    module: nn.Module = timm.create_model(model, num_classes=0)
    width = int(getattr(module, "head_hidden_size", None) or module.num_features)  # type: ignore[arg-type]
    encoders: dict[str, Encoder] = {"image": Ready(width, module), "text": Ready(TEXT_WIDTH)}
    heads = {"image": HeadConfig(kind="none"), "text": HeadConfig(kind="residual", width=width)}
    towers = {}
    for name, encoder in encoders.items():
        config = TowerConfig("ready", train=train if name == "image" else "frozen", head=heads[name], lora=LORA)
        statistics = Standardise.fit(torch.zeros(1, encoder.width), "none")
        head = build_head(config.head, encoder.width)
        towers[name] = Tower(name, config, encoder, statistics, head=head, micro_batch=micro_batch)
    return Student("measured", towers, temperature=0.07, device=device)


def drawn(student: Student, pairs: int, side: int) -> dict[str, Tensor]:
    """Pixels and text features of so many pairs."""
    pixels = torch.rand(pairs, 3, side, side, device=student.device)
    return {"image": pixels, "text": torch.randn(pairs, TEXT_WIDTH, device=student.device)}


def step(student: Student, batch: dict[str, Tensor], steps: int) -> object:
    """A training step's gradient; there is one."""
    del steps
    return student.gradient(batch, student.start(SeedTree(0)))


def segment(student: Student, learned: dict[str, Tensor], steps: int) -> object:
    """Loss and exact gradient of a segment of so many inner steps."""
    start = student.start(SeedTree(0))
    target = {branch: flat + 1e-3 for branch, flat in start.items()}
    rates = {branch: torch.tensor(0.1, device=student.device) for branch in start}
    count = len(learned["image"])
    batches = [
        torch.arange(number * INNER_BATCH, (number + 1) * INNER_BATCH, device=student.device) % count
        for number in range(steps)
    ]
    return match(
        lambda inputs, parameters, _: student.loss(inputs, parameters), learned, Segment(start, target),
        rates=rates, batches=batches, sides=("image", "text"),
    )  # fmt: skip

"""Training and matching of two linear heads, on made-up features, beside the matrix products in them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vlbench.artifacts.soft_targets import Targets
from vlbench.encoders.base import Encoder
from vlbench.matching.gradient import Segment, match
from vlbench.perf.clock import Clock, Line
from vlbench.seeds import SeedTree
from vlbench.students.heads import HeadConfig, build_head
from vlbench.students.losses import INFO_NCE
from vlbench.students.student import Standardise, Student, Tower, TowerConfig
from vlbench.students.training import Recipe, TrainingSet, train
from vlbench.transfer import on_device

WIDTHS = {"image": 512, "text": 256}
EMBEDDING = 256
PAIRS = 500
INNER_STEPS, INNER_BATCH = 8, 250
"""Of ``vldd`` at 500 pairs."""


class Ready(Encoder):
    """An encoder whose features are there already, or a module of one's own."""

    def __init__(self, width: int, module: nn.Module | None = None) -> None:
        self.width, self.module, self.identity = width, module or nn.Identity(), f"ready {width}"

    def inputs(self, items: Any) -> Tensor:
        """The items."""
        return torch.as_tensor(items)


@dataclass(frozen=True)
class _Case:
    """A way to train."""

    what: str
    batch: int
    noise: float = 0.0
    objective: str = INFO_NCE
    soft: bool = False


_CASES = (
    _Case("batch 100", 100),
    _Case("batch 256", 256),
    _Case("batch 100, noise", 100, noise=0.5),
    _Case("batch 100, soft targets", 100, soft=True),
    _Case("batch 100, wBCE", 100, objective="wbce", soft=True),
)


def student_steps(clock: Clock, steps: int) -> Iterator[Line]:
    """Whole training steps of two heads beside their matrix products."""
    drawn, weights = _drawn(clock.device)
    for case in _CASES:
        one, two = (values[: case.batch] for values in drawn.values())

        def bare(one: Tensor = one, two: Tensor = two, noise: float = case.noise) -> None:
            for _ in range(steps):
                if noise:
                    torch.randn(one.shape), torch.randn(two.shape)
                u, v = one @ weights[0].T, two @ weights[1].T
                pull = u @ v.T
                (pull @ v).T @ one, (pull.T @ u).T @ two  # only their time counts

        student = _student(clock.device, case.objective)
        recipe = Recipe(steps, case.batch, 0.1, weight_decay=1e-3, noise=case.noise)
        work = partial(train, student, _training_set(drawn, clock.device, soft=case.soft), recipe, SeedTree(0))
        note = f"beside its matrix products{' and draws' if case.noise else ''}"
        yield clock.line(f"a student's step, {case.what}", work, bare, per=steps, note=note)


def segment(clock: Clock) -> Line:
    """A segment of an outer step, forth and back, beside the matrix products of its inner steps and their Hessians'."""
    student, (drawn, weights) = _student(clock.device), _drawn(clock.device)
    inputs = {side: values[:INNER_BATCH] for side, values in drawn.items()}
    start = student.start(SeedTree(0))
    stretch = Segment(start, {branch: flat + 1e-3 * torch.randn_like(flat) for branch, flat in start.items()})
    rates = {branch: torch.tensor(0.1, device=clock.device) for branch in start}
    batches = [torch.arange(INNER_BATCH, device=clock.device)] * INNER_STEPS
    one, two = inputs.values()

    def work() -> object:
        return match(
            lambda inputs, parameters, _: student.loss(inputs, parameters),
            inputs, stretch, rates=rates, batches=batches, sides=tuple(inputs), keep=True,
        )  # fmt: skip

    def bare() -> None:
        for _ in range(INNER_STEPS):
            u, v = one @ weights[0].T, two @ weights[1].T
            pull = u @ v.T
            (pull @ v).T @ one, (pull.T @ u).T @ two
            for moved in (one @ weights[0].T @ v.T, u @ (two @ weights[1].T).T):  # along a direction
                (pull @ v, moved @ v), (pull.T @ u, moved.T @ u)
            u.T @ one, v.T @ two, u @ weights[0], u @ weights[0], v @ weights[1], v @ weights[1]

    what = f"a segment of two heads, {INNER_STEPS} inner steps of {INNER_BATCH} pairs"
    return clock.line(what, work, bare, note="beside its matrix products")


def _drawn(device: str) -> tuple[dict[str, Tensor], list[Tensor]]:
    """Features of both sides [pair, width], and weights of both heads."""
    features = {side: torch.randn(PAIRS, width, device=device) for side, width in WIDTHS.items()}
    return features, [torch.randn(EMBEDDING, width, device=device) for width in WIDTHS.values()]


def _training_set(drawn: dict[str, Tensor], device: str, *, soft: bool) -> TrainingSet:
    numbers = torch.arange(PAIRS)
    near = torch.rand(PAIRS, 10, device=device) / 10
    return TrainingSet(
        lambda side, at: drawn[side].index_select(0, on_device(at, device)),
        torch.stack([numbers] * 2, 1),
        ("image", "text"),
        targets=Targets(torch.ones(PAIRS, device=device), near, near) if soft else None,
    )


def _student(device: str, objective: str = INFO_NCE) -> Student:
    """Two linear heads on frozen features."""
    towers = {}
    for side, width in WIDTHS.items():
        config = TowerConfig("ready", head=HeadConfig(width=EMBEDDING))
        statistics = Standardise.fit(torch.zeros(1, width), "none")
        towers[side] = Tower(side, config, Ready(width), statistics, head=build_head(config.head, width))
    return Student("measured", towers, temperature=0.07, objective=objective, device=device)

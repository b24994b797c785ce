"""The parts of a run that are timed, on made-up numbers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import faiss
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vlbench.data.augment import augment
from vlbench.encoders.base import Encoder
from vlbench.evaluation.retrieval import CUTS, rank_embeddings
from vlbench.methods.method import Selector
from vlbench.perf.clock import Clock, Line
from vlbench.registry.invoke import construct
from vlbench.registry.specs import resolve
from vlbench.seeds import SeedTree
from vlbench.students.heads import HeadConfig, build_head
from vlbench.students.student import Standardise, Student, Tower, TowerConfig
from vlbench.students.training import Recipe, TrainingSet, train

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry

WIDTHS = {"image": 512, "text": 256}
EMBEDDING = 256


@dataclass(frozen=True)
class Sizes:
    """How much work is measured."""

    steps: int = 60
    images: int = 5000
    candidates: int = 20_000
    picks: int = 50
    pictures: int = 64


QUICK = Sizes(steps=20, images=500, candidates=2_000, picks=20, pictures=8)


class Ready(Encoder):
    """An encoder whose features are there already, or a module of one's own."""

    def __init__(self, width: int, module: nn.Module | None = None) -> None:
        self.width, self.module, self.identity = width, module or nn.Identity(), f"ready {width}"

    def inputs(self, items: Any) -> Tensor:
        """The items."""
        return torch.as_tensor(items)


def student_steps(clock: Clock, sizes: Sizes) -> Iterator[Line]:
    """Whole training steps of two heads beside their matrix products."""
    heads = _student({side: Ready(width) for side, width in WIDTHS.items()}, clock.device)
    drawn = {side: torch.randn(500, width, device=clock.device) for side, width in WIDTHS.items()}
    numbers = torch.arange(500)
    data = TrainingSet(
        lambda side, at: drawn[side][at.to(clock.device)], torch.stack([numbers] * 2, 1), ("image", "text")
    )
    weights = [torch.randn(EMBEDDING, width, device=clock.device) for width in WIDTHS.values()]
    for batch in (100, 256):
        one, two = (values[:batch] for values in drawn.values())
        recipe = Recipe(sizes.steps, batch, 0.1, weight_decay=1e-3)

        def bare(one: Tensor = one, two: Tensor = two) -> None:
            for _ in range(sizes.steps):
                u, v = one @ weights[0].T, two @ weights[1].T
                pull = u @ v.T
                (pull @ v).T @ one, (pull.T @ u).T @ two  # only their time counts

        def work(recipe: Recipe = recipe) -> object:
            return train(heads, data, recipe, SeedTree(0))

        yield clock.line(
            f"a student's step, batch {batch}", work, bare, per=sizes.steps, note="beside its matrix products"
        )


def ranks(clock: Clock, sizes: Sizes) -> Iterator[Line]:
    """Ranks of all queries, five captions an image, beside the bare search for the nearest; on the CPU."""
    order = torch.arange(5 * sizes.images)
    pairs = torch.stack([order // 5, order], 1)
    image = torch.randn(sizes.images, EMBEDDING)
    text = 0.2 * image.repeat_interleave(5, 0) + 0.98 * torch.randn(len(order), EMBEDDING)
    sides = {"image": F.normalize(image, dim=1), "text": F.normalize(text, dim=1)}

    def bare() -> None:
        for query, gallery, most in (("image", "text", 5), ("text", "image", 1)):
            index = faiss.IndexFlatIP(EMBEDDING)
            index.add(np.ascontiguousarray(sides[gallery].numpy()))
            index.search(np.ascontiguousarray(sides[query].numpy()), CUTS[-1] + most)

    what = f"ranks both ways, {sizes.images:,} x {5 * sizes.images:,}"
    yield Clock("cpu", clock.rounds).line(what, lambda: rank_embeddings(sides, pairs), bare, note="beside FAISS")


def selectors(clock: Clock, sizes: Sizes, registry: Registry) -> Iterator[Line]:
    """A pick of every selector that reads features, beside one pass over them; on the CPU."""
    features = F.normalize(torch.randn(sizes.candidates, 512), dim=1)

    def bare() -> None:
        for _ in range(sizes.picks):
            torch.mv(features, features[0])

    for name, spec in registry.all("method").items():
        target = resolve(spec.target)
        if spec.family != "selection" or not inspect.isclass(target) or not issubclass(target, Selector):
            continue
        method = construct(registry, "method", name, spec.options() if spec.options else None)
        if method.needs_features:
            yield Clock("cpu", clock.rounds).line(
                f"{name}, a pick out of {sizes.candidates:,} x 512",
                partial(method.select, features, sizes.picks, torch.Generator()),
                bare, per=sizes.picks, note="beside one pass over the features",
            )  # fmt: skip


def augmentation(clock: Clock, sizes: Sizes) -> Iterator[Line]:
    """An image of 224 x 224, changed as VLDD does."""
    pixels = torch.rand(sizes.pictures, 3, 224, 224, device=clock.device)
    yield clock.line(
        "augmentation, an image of 224 x 224", lambda: augment(pixels, torch.Generator().manual_seed(0)),
        per=sizes.pictures,
    )  # fmt: skip


def _student(encoders: dict[str, Encoder], device: str) -> Student:
    """Two linear heads on frozen features."""
    towers = {}
    for side, encoder in encoders.items():
        config = TowerConfig("ready", head=HeadConfig(width=EMBEDDING))
        statistics = Standardise.fit(torch.zeros(1, encoder.width), "none")
        towers[side] = Tower(side, config, encoder, statistics, head=build_head(config.head, encoder.width))
    return Student("measured", towers, temperature=0.07, device=device)

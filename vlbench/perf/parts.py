"""The parts of a run that are timed, on made-up numbers."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import faiss
import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from vlbench.data.augment import augment
from vlbench.evaluation.retrieval import CUTS, rank_embeddings
from vlbench.methods.method import Selector
from vlbench.perf.clock import Clock, Line
from vlbench.perf.heads import EMBEDDING
from vlbench.perf.pillow import augmented
from vlbench.registry.invoke import construct
from vlbench.registry.specs import resolve

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry


@dataclass(frozen=True)
class Sizes:
    """How much work is measured."""

    steps: int = 60
    images: int = 5000
    candidates: int = 20_000
    picks: int = 50
    pictures: int = 64


QUICK = Sizes(steps=20, images=500, candidates=2_000, picks=20, pictures=8)


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
    """An image of 224 x 224, changed as VLDD does, beside Pillow; there is no such thing on a GPU."""
    coarse = torch.rand(sizes.pictures, 3, 14, 14)
    pixels = F.interpolate(coarse, size=224, mode="bicubic").clamp_(0, 1)
    images = [Image.fromarray(values.permute(1, 2, 0).mul(255).byte().numpy()) for values in pixels]
    pixels = pixels.to(clock.device)
    on_cpu = clock.device == "cpu"
    yield clock.line(
        "augmentation, an image of 224 x 224", lambda: augment(pixels, torch.Generator().manual_seed(0)),
        (lambda: augmented(images, random.Random(0))) if on_cpu else None,
        per=sizes.pictures, note="beside Pillow" if on_cpu else "",
    )  # fmt: skip

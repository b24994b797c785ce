"""A tiny dataset of real pairs, tiny encoders and a context: all that a method needs to run, in milliseconds."""

from __future__ import annotations

import itertools
from pathlib import Path

import torch
from torch import Tensor, nn

from vlbench.cache import Cache
from vlbench.data.fingerprint import fingerprint, tensors_fingerprint
from vlbench.data.pairs import Items, PairDataset, Split
from vlbench.data.views import TrainView
from vlbench.encoders.base import Encoder
from vlbench.methods.context import Context, JobState, Reference
from vlbench.progress import Observer, SilentObserver
from vlbench.seeds import SeedTree
from vlbench.students.build import StudentBuilder, StudentConfig
from vlbench.students.heads import HeadConfig
from vlbench.students.student import TowerConfig
from vlbench.students.training import Recipe

COUNTS = {"train": 60, "val": 20, "test": 20}
CAPTIONS = 2
_COLOURS = {"red": (220, 40, 40), "green": (40, 200, 60), "blue": (50, 60, 220), "yellow": (230, 210, 40)}
_PLACES = ("top left", "top right", "bottom left", "bottom right")
_PHRASES = tuple(f"{colour} {place}" for colour in _COLOURS for place in _PLACES)


def toy_dataset(seed: int = 0, *, counts: dict[str, int] | None = None, captions: int = CAPTIONS) -> PairDataset:
    """Images of four coloured quarters, uint8 [item, 3, 8, 8], and captions that name three of them.

    Args:
        seed: of everything; images of all splits differ from one another.
        counts: split -> images; beyond 256 in all, scenes come again with other noise.
        captions: of each image.
    """
    counts = counts or COUNTS
    generator = torch.Generator().manual_seed(seed)
    scenes = torch.tensor(list(itertools.product(range(len(_COLOURS)), repeat=len(_PLACES))))
    shuffled = scenes[torch.randperm(len(scenes), generator=generator)]
    shuffled = shuffled.repeat(-(-sum(counts.values()) // len(scenes)), 1)
    splits, at = {}, 0
    for name, count in counts.items():
        splits[name] = _toy_split(shuffled[at : at + count], captions, generator)
        at += count
    return PairDataset("toy", ("image", "text"), splits, fingerprint(("image", "text"), splits))


def _toy_split(scenes: Tensor, captions: int, generator: torch.Generator) -> Split:
    palette = torch.tensor(list(_COLOURS.values()), dtype=torch.float32)
    quarters = palette[scenes].transpose(1, 2).reshape(-1, 3, 2, 2)
    pixels = quarters.repeat_interleave(4, 2).repeat_interleave(4, 3)
    pixels = (pixels + 12 * torch.randn(pixels.shape, generator=generator)).clamp(0, 255).to(torch.uint8)
    texts = []
    for colours in scenes.tolist():
        for _ in range(captions):
            named = torch.randperm(len(_PLACES), generator=generator)[:3].tolist()
            texts.append(", ".join(f"{list(_COLOURS)[colours[place]]} {_PLACES[place]}" for place in named))
    image = torch.arange(len(scenes)).repeat_interleave(captions)
    return Split({"image": pixels, "text": texts}, torch.stack([image, torch.arange(len(texts))], 1))


class ToyEncoder(Encoder):
    """A fixed linear layer of 16 features: of the quarters' mean colours, or of the counts of phrases."""

    def __init__(self, side: str) -> None:
        self.side, self.width = side, 16
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            if side == "image":
                self.module: nn.Module = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(12, self.width))
            else:
                self.module = nn.Sequential(nn.Linear(len(_PHRASES), self.width, bias=False))
        self.module.eval()
        self.identity = f"toy {side} {tensors_fingerprint(self.module.state_dict())}"

    def inputs(self, items: Items) -> Tensor:
        """Pixels in [0, 1] [item, 3, 8, 8], or counts of phrases [item, phrase]."""
        if self.side == "image":
            pixels: Tensor = items.float() / 255
            return pixels
        return torch.tensor([[float(phrase in text) for phrase in _PHRASES] for text in items])


def toy_student(*, train: str = "frozen", width: int = 8, dropout: float = 0.0) -> StudentConfig:
    """Two linear heads over the toy encoders; ``train`` says what is trained of the image encoder."""
    head = HeadConfig(kind="residual", width=width, dropout=dropout) if dropout else HeadConfig(width=width)
    towers = {
        "image": TowerConfig("toy-image", train=train, head=head),
        "text": TowerConfig("toy-text", head=head),
    }
    return StudentConfig(towers)


TOY_RECIPE = Recipe(steps=60, batch=20, learning_rate=0.1)
"""Teaches the toy student to retrieve far better than chance from the toy train split, in some 50 ms."""


def toy_builder(dataset: PairDataset, cache: Path) -> StudentBuilder:
    """Builds toy students; features are cached under ``cache``."""
    return StudentBuilder(dataset, lambda config: ToyEncoder(config.encoder.removeprefix("toy-")), Cache(cache))


def toy_context(
    dataset: PairDataset,
    folder: Path,
    *,
    seed: int = 0,
    sees_val: bool = False,
    observer: Observer | None = None,
    cache: Path | None = None,
    student: StudentConfig | None = None,
) -> tuple[TrainView, Context]:
    """What :meth:`vlbench.Method.condense` takes, but for the budget.

    Args:
        dataset: a toy dataset.
        folder: for checkpoints, in ``folder/work``.
        seed: root of the seed tree.
        sees_val: whether the view has the val split too.
        observer: receives progress; nothing is printed by default.
        cache: folder of what runs share; by default ``folder/cache``.
        student: the reference student; by default ``toy_student()``, whose encoders are frozen. With
            ``toy_student(train="all")`` the image encoder is trained, as in suites such as scenes-encoder.
    """
    config = student or toy_student()
    reference = Reference("toy", config, TOY_RECIPE, f"toy {config} {TOY_RECIPE}")
    view = TrainView(dataset, sees_val=sees_val)
    builder = toy_builder(dataset, cache or folder / "cache")
    work = folder / "work"
    work.mkdir(parents=True, exist_ok=True)
    return view, Context(view, builder, reference, SeedTree(seed), observer or SilentObserver(), JobState(work))

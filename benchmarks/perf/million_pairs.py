"""A dataset of a million pairs, to see what selecting from it takes: a plugin.

vlbench --plugin benchmarks/perf/million_pairs.py run --set data.name=million-pairs --method k-center --budget 500 \
    --set rows.full=false --set 'rows.always=[]'
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import vlbench
from vlbench_scenes.options import ScenesOptions

COPIES = 7
NOISE = 6
"""Levels of 255 by which the pixels of a copy differ at most."""


def load(options: ScenesOptions, store: Path) -> vlbench.PairDataset:
    """The train split of ``scenes`` seven times, each with other noise: 203,000 images, 1,015,000 captions."""
    import torch

    from vlbench_scenes.dataset import load as load_scenes

    scenes = load_scenes(options, store)
    train = scenes.split("train")
    images = _noisy_copies(train.items["image"], store / f"million-{COPIES}.npy")
    texts = train.items["text"]
    pairs = torch.cat([train.pairs + copy * torch.tensor([train.count("image"), len(texts)]) for copy in range(COPIES)])
    splits = {**scenes.splits, "train": vlbench.Split({"image": images, "text": texts * COPIES}, pairs)}
    return vlbench.PairDataset("million-pairs", scenes.sides, splits, vlbench.fingerprint(scenes.sides, splits))


def _noisy_copies(images: Any, path: Path) -> Any:
    """uint8 [copies * image, 3, height, width] on a memory map."""
    import numpy as np
    import torch

    if not path.exists():
        shape = (COPIES * len(images), *images.shape[1:])
        made = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
        generator = np.random.default_rng(0)
        for start in range(0, len(made), 1000):
            part = images[torch.arange(start, min(start + 1000, len(made))) % len(images)].numpy().astype(np.int16)
            made[start : start + 1000] = (part + generator.integers(-NOISE, NOISE + 1, part.shape)).clip(0, 255)
        made.flush()
    return torch.from_numpy(np.load(path, mmap_mode="c"))


@vlbench.hookimpl
def vlbench_datasets() -> list[vlbench.DatasetSpec]:
    """The one dataset."""
    summary = "Scenes seven times: 1,015,000 pairs."
    return [vlbench.DatasetSpec("million-pairs", "million_pairs:load", summary, options=ScenesOptions)]

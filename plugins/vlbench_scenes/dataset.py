"""The dataset `scenes`, made once and kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO

import numpy as np
import torch

import vlbench
from vlbench_scenes.generate import FULL_SIZES, MINI_SIZES, SceneSplit, generate_scenes
from vlbench_scenes.options import ScenesOptions

CAPTIONS_PER_IMAGE = 5
_FORM = 2
"""Raised when the generator changes, so that what an older one made is not used."""


def load(options: ScenesOptions, store: Path) -> vlbench.PairDataset:
    """Images uint8 [n, 3, 32, 32] and five captions each, of three splits.

    Args:
        options: which size, and the seed.
        store: folder in which the dataset is kept once it is made (about 95 MB for the large one).
    """
    path = store / f"{options.size}-{options.seed}-{_FORM}.npz"
    sizes = FULL_SIZES if options.size == "full" else MINI_SIZES
    splits, fingerprint = vlbench.data.made_once(
        path, lambda file: _write(file, generate_scenes(options.seed, sizes)), _read
    )
    return vlbench.PairDataset("scenes", ("image", "text"), splits, fingerprint)


def _read(path: Path) -> tuple[dict[str, vlbench.Split], str]:
    with np.load(path, allow_pickle=False) as stored:
        splits = {name: _split(stored[f"{name}.images"], stored[f"{name}.captions"]) for name in FULL_SIZES}
        return splits, str(stored["fingerprint"])


def _split(images: np.ndarray, captions: np.ndarray) -> vlbench.Split:
    count = CAPTIONS_PER_IMAGE * len(images)
    texts: list[str] = json.loads(captions.tobytes().decode())
    pairs = torch.stack([torch.arange(count) // CAPTIONS_PER_IMAGE, torch.arange(count)], dim=1)
    return vlbench.Split({"image": torch.from_numpy(images), "text": texts}, pairs)


def _write(file: IO[bytes], made: dict[str, SceneSplit]) -> None:
    arrays: dict[str, np.ndarray] = {}
    for name, split in made.items():
        arrays[f"{name}.images"] = split.images
        arrays[f"{name}.captions"] = np.frombuffer(json.dumps(split.captions).encode(), dtype=np.uint8)
    splits = {name: _split(arrays[f"{name}.images"], arrays[f"{name}.captions"]) for name in made}
    arrays["fingerprint"] = np.array(vlbench.fingerprint(("image", "text"), splits))
    np.savez(file, **arrays)  # type: ignore[arg-type]  # no array is called allow_pickle

"""The dataset `clips`, made once and cached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO

import numpy as np
import torch
from numpy.typing import NDArray

import vlbench
from vlbench_clips import ClipsOptions, captions, frames, sounds
from vlbench_clips.layout import Layout, draw

SIDES = ("video", "audio", "text")
SIZES = {
    "full": {"train": 4_000, "val": 1_000, "test": 1_000},
    "mini": {"train": 160, "val": 40, "test": 100},
}
_FORM = 2
"""Raised when the generator changes, so that what an older one made is not used."""
_STREAMS = {"train": 0, "val": 1, "test": 2}
"""Of the splits: part of the dataset's definition, so never renumber."""
_OTHER = 9


def load(options: ClipsOptions, store: Path) -> vlbench.PairDataset:
    """Frames uint8 [n, 8, 3, 32, 32], log-mel spectrograms uint8 [n, 64, 32] and five captions each, of three splits.

    Args:
        options: which size, and the seed.
        store: folder in which the dataset is cached once it is made (about 165 MB for the large one).
    """
    path = store / f"{options.size}-{options.seed}-{_FORM}.npz"
    splits, fingerprint = vlbench.data.made_once(path, lambda file: _write(file, options), _read)
    return vlbench.PairDataset("clips", SIDES, splits, fingerprint)


def others(seed: int, n: int) -> tuple[Layout, NDArray[np.uint8], NDArray[np.uint8]]:
    """Clips that no split holds, to pretrain encoders on: layout, frames [n, 8, 3, 32, 32], sound [n, 64, 32]."""
    layout = draw(n, np.random.default_rng([seed, _OTHER, 0]))
    seen = frames.render(layout, np.random.default_rng([seed, _OTHER, 1]))
    return layout, seen, sounds.render(layout, np.random.default_rng([seed, _OTHER, 2]))


def _write(file: IO[bytes], options: ClipsOptions) -> None:
    arrays: dict[str, NDArray[np.uint8]] = {}
    for name, size in SIZES[options.size].items():
        streams = [np.random.default_rng([options.seed, _STREAMS[name], part]) for part in range(4)]
        layout = draw(size, streams[0])
        arrays[f"{name}.video"] = frames.render(layout, streams[1])
        arrays[f"{name}.audio"] = sounds.render(layout, streams[2])
        text = json.dumps(captions.write(layout, streams[3])).encode()
        arrays[f"{name}.text"] = np.frombuffer(text, dtype=np.uint8)
    splits = {name: _split(arrays, name) for name in _STREAMS}
    np.savez(file, fingerprint=np.array(vlbench.fingerprint(SIDES, splits)), **arrays)  # type: ignore[arg-type]


def _read(path: Path) -> tuple[dict[str, vlbench.Split], str]:
    with np.load(path, allow_pickle=False) as stored:
        return {name: _split(stored, name) for name in _STREAMS}, str(stored["fingerprint"])


def _split(arrays: dict[str, NDArray[np.uint8]], name: str) -> vlbench.Split:
    texts: list[str] = json.loads(arrays[f"{name}.text"].tobytes().decode())
    video, audio = (torch.from_numpy(np.asarray(arrays[f"{name}.{side}"])) for side in SIDES[:2])
    caption = torch.arange(len(texts))
    clip = caption // captions.CAPTIONS
    return vlbench.Split({"video": video, "audio": audio, "text": texts}, torch.stack([clip, clip, caption], dim=1))

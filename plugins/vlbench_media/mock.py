"""Small stand-ins for published sets: the same files and names, with drawn videos and made sounds."""

from __future__ import annotations

import csv
import json
import math
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

import vlbench
from vlbench.errors import DataError
from vlbench_media.annotations import MOCK
from vlbench_media.decode import RATE
from vlbench_media.needs import media_library

FRAME_RATE, SIDE = 4, 64
LARGEST = 400
"""Clips of a mock: fewer than any of the real sets has."""
COLOURS = {"red": (210, 40, 40), "green": (40, 170, 60), "blue": (50, 80, 220), "yellow": (235, 215, 40)}
MOVES = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
PITCHES = {"low": 220.0, "middle": 523.0, "high": 1245.0}


def make(name: str, clips: int, out: Path) -> None:
    """Write a mock into a new folder.

    Args:
        name: of the set it stands for.
        clips: in all splits together, 16 to 400.
        out: folder that does not exist yet, or is empty.

    Raises:
        DataError: the number is not allowed.
    """
    if not 16 <= clips <= LARGEST:
        raise DataError(f"images = {clips}: a mock of {name} has 16 to {LARGEST} clips.")
    out.mkdir(parents=True, exist_ok=True)
    (out / MOCK).write_text(f"made by vlbench data mock; stands for {name}; never to be ranked\n", encoding="utf-8")
    random, part = Random(0), max(2, clips // 8)
    counts = {"train": clips - 2 * part, "val": part, "test": part}
    for split, count in counts.items():
        drawn = [_draw(random) for _ in range(count)]
        _WRITERS[name](out, split, drawn)


make_didemo, make_audiocaps, make_clotho = (partial(make, name) for name in ("didemo", "audiocaps", "clotho"))

Traits = tuple[str, str, str, int]
"""Colour, move, pitch, and a number of its own."""


def _draw(random: Random) -> Traits:
    colour, move, pitch = (random.choice(sorted(table)) for table in (COLOURS, MOVES, PITCHES))
    return colour, move, pitch, random.randrange(10**6)


def _captions(traits: Traits, count: int) -> list[str]:
    colour, move, pitch, number = traits
    said = [
        f"a {colour} square goes {move} with a {pitch} tone",
        f"a {pitch} tone is heard while something {colour} moves {move}",
        f"{colour} and {move}, number {number}",
        f"the sound is {pitch}, number {number}",
        f"a {pitch} note and a {colour} box",
    ]
    return said[:count]


def _didemo(out: Path, split: str, drawn: list[Traits]) -> None:
    rows: list[dict[str, Any]] = []
    for number, traits in enumerate(drawn):
        name = f"{split}@N00_{number}_{traits[3]:06d}.mp4"
        write_video(out / "videos" / name, frames(traits, 40), sound(traits, 10.0))
        for at, text in enumerate(_captions(traits, 4)):
            times = [[at % 2, at % 2]] * 3 + [[0, 1]]
            rows.append({"video": name, "description": text, "times": times, "num_segments": 2, "annotation_id": 0})
    (out / f"{split}_data.json").write_text(json.dumps(rows), encoding="utf-8")


def _audiocaps(out: Path, split: str, drawn: list[Traits]) -> None:
    rows: list[list[Any]] = []
    for number, traits in enumerate(drawn):
        name = f"{split}{number:04d}_{traits[3]}"[:11]
        write_sound(out / "audio" / f"{name}.wav", sound(traits, 3.0))
        rows += [[len(rows), name, 10, text] for text in _captions(traits, 1 if split == "train" else 5)]
    _table(out / f"{split}.csv", ["audiocap_id", "youtube_id", "start_time", "caption"], rows)


def _clotho(out: Path, split: str, drawn: list[Traits]) -> None:
    word = {"train": "development", "val": "validation", "test": "evaluation"}[split]
    rows = []
    for number, traits in enumerate(drawn):
        name = f"{traits[2]} tone {number}.wav"
        write_sound(out / word / name, sound(traits, 3.0))
        rows.append([name, *_captions(traits, 5)])
    _table(out / f"clotho_captions_{word}.csv", ["file_name", *(f"caption_{n}" for n in range(1, 6))], rows)


_WRITERS = {"didemo": _didemo, "audiocaps": _audiocaps, "clotho": _clotho}


def _table(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def frames(traits: Traits, count: int) -> NDArray[np.uint8]:
    """A square that moves, uint8 [count, height, width, 3]."""
    colour, move, _, number = traits
    made = np.full((count, SIDE, SIDE, 3), 90 + number % 60, dtype=np.uint8)
    across, down = MOVES[move]
    for at in range(count):
        way = round(24 * (at / max(count - 1, 1) - 0.5))
        y, x = SIDE // 2 - 8 + down * way, SIDE // 2 - 8 + across * way
        made[at, y : y + 16, x : x + 16] = COLOURS[colour]
    return made


def sound(traits: Traits, seconds: float) -> NDArray[np.float32]:
    """A tone, float32 [sample] at 16 kHz."""
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = PITCHES[traits[2]] * (1 + (traits[3] % 100) / 1000)
    return np.asarray(0.3 * np.sin(2 * math.pi * pitch * time), dtype=np.float32)


def write_video(path: Path, pictures: NDArray[np.uint8], samples: NDArray[np.float32]) -> None:
    """An mp4 (MPEG-4 and AAC) of pictures [time, height, width, 3] at 4 a second, with mono sound at 16 kHz."""
    av = media_library()
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=FRAME_RATE)
        stream.width, stream.height, stream.pix_fmt = pictures.shape[2], pictures.shape[1], "yuv420p"
        voice = container.add_stream("aac", rate=RATE, layout="mono")
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
        frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
        frame.sample_rate = RATE
        container.mux(voice.encode(frame))
        container.mux(voice.encode())


def write_sound(path: Path, samples: NDArray[np.float32]) -> None:
    """A WAV file, mono, 16 bit, 16 kHz."""
    path.parent.mkdir(parents=True, exist_ok=True)
    import torch

    path.write_bytes(vlbench.data.wav(torch.from_numpy(samples)))

"""The stamps of Tux Paint as pictures, captions and speech, read where Debian's package has installed them.

The package tuxpaint-stamps-default (GPL-2) is never shipped: apt-get install tuxpaint-stamps-default. A small set: some
hundred stamps in test, whose scores move by points from one draw of the splits to another. The voice is there for about
920 stamps in fr, ro, ru and ca, and for 66 in English.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch

import vlbench
from vlbench.errors import DataError
from vlbench_media.decode import read_sound
from vlbench_media.folder import text_lines
from vlbench_media.options import StampsOptions

SIDES = ("image", "text", "speech")
SHARES = {"train": 0.6, "val": 0.15, "test": 0.25}


def files(options: StampsOptions) -> list[vlbench.data.NeededFile]:
    """The package's folder."""
    root = Path(options.root)
    return [vlbench.data.NeededFile(root, root.is_dir(), "apt-get install tuxpaint-stamps-default")]


def load(options: StampsOptions, store: Path) -> vlbench.PairDataset:
    """Pictures uint8 [stamp, 3, size, size], a caption and a log-mel spectrogram of its spoken form.

    Stamps without a caption, a picture or a voice of the language are left out, as far as those sides are asked for. A
    recording that several stamps share is one item, in one split.

    Raises:
        DataError: the package is not installed, or has too few stamps of a language.
    """
    sides = options.sides or SIDES
    found = _stamps(options, sides)
    if len(found) < 60:
        raise DataError(
            f"{options.root}: {len(found)} stamps with {', '.join(sides)} in {options.language!r}. Install them with "
            f"apt-get install tuxpaint-stamps-default, or choose another language: fr, ro, ru and ca have voices."
        )
    parts = _drawn(found, options.seed, by_voice="speech" in sides)
    splits = {name: _split(part, sides, options, store) for name, part in parts.items()}
    left = "split by a draw; small, so scores of other draws differ by points"
    return vlbench.PairDataset("stamps", tuple(sides), splits, vlbench.fingerprint(sides, splits), notes=(left,))


Stamp = tuple[Path, str, Path]
"""Picture, caption, voice."""


def _drawn(stamps: list[Stamp], seed: int, *, by_voice: bool) -> dict[str, list[Stamp]]:
    """Splits of stamps, or of the recordings that they share."""
    groups: dict[object, list[Stamp]] = {}
    for number, stamp in enumerate(stamps):
        groups.setdefault(_mark(stamp[2]) if by_voice else number, []).append(stamp)
    drawn = list(groups.values())
    order = np.random.default_rng(seed).permutation(len(drawn))
    bounds = np.cumsum([round(share * len(drawn)) for share in SHARES.values()])[:-1]
    parts = zip(SHARES, np.split(order, bounds), strict=True)
    return {name: [stamp for at in part for stamp in drawn[at]] for name, part in parts}


def _mark(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def _stamps(options: StampsOptions, sides: tuple[str, ...]) -> list[Stamp]:
    suffix = "" if options.language == "en" else f"_{options.language}"
    found, seen = [], set()
    for text in sorted(Path(options.root).rglob("*.txt")):
        caption = _caption(text, options.language)
        picture = text.with_suffix(".png")
        voice = next(
            (p for end in ("ogg", "wav") if (p := text.with_name(f"{text.stem}_desc{suffix}.{end}")).exists()), None
        )
        mark = _mark(picture) if picture.exists() else None
        lacking = (
            ("image" in sides and not mark) or ("text" in sides and not caption) or ("speech" in sides and not voice)
        )
        if lacking or (mark and mark in seen):
            continue
        seen.add(mark)
        found.append((picture, caption, voice or text))
    return found


def _caption(path: Path, language: str) -> str:
    lines = text_lines(path)
    if language == "en":
        return lines[0].strip()
    start = f"{language}.utf8="
    return next((line.removeprefix(start).strip() for line in lines if line.startswith(start)), "")


def _split(stamps: list[Stamp], sides: tuple[str, ...], options: StampsOptions, store: Path) -> vlbench.Split:
    items: dict[str, Any] = {}
    columns = dict.fromkeys(sides, torch.arange(len(stamps)))
    named: dict[str, Sequence[str]] = {}
    if "image" in sides:
        named["image"] = [str(picture.relative_to(options.root)) for picture, _, _ in stamps]
        encoded = [
            vlbench.data.EncodedImage(
                name, str(picture), stamp=str(picture.stat().st_mtime_ns), read=picture.read_bytes
            )
            for name, (picture, _, _) in zip(named["image"], stamps, strict=True)
        ]
        items["image"] = vlbench.data.cached_images(encoded, options.size, store)
    if "text" in sides:
        items["text"] = [caption for _, caption, _ in stamps]
    if "speech" in sides:
        marks = [_mark(voice) for _, _, voice in stamps]
        voices = {mark: voice for mark, (_, _, voice) in zip(marks, stamps, strict=True)}
        items["speech"] = _levels(list(voices.values()), options.seconds, store)
        columns["speech"] = torch.tensor([list(voices).index(mark) for mark in marks])
        named["speech"] = [str(voice.relative_to(options.root)) for voice in voices.values()]
    pairs = torch.stack([columns[side] for side in sides], dim=1)
    return vlbench.Split({side: items[side] for side in sides}, pairs, named)


def _levels(voices: list[Path], seconds: float, store: Path) -> torch.Tensor:
    about = repr([[str(voice), voice.stat().st_size] for voice in voices] + [seconds])
    path = store / f"speech-{hashlib.sha256(about.encode()).hexdigest()[:20]}.npy"
    return torch.from_numpy(vlbench.data.made_once(path, partial(_write, voices, seconds), np.load))


def _write(voices: list[Path], seconds: float, file: IO[bytes]) -> None:
    sounds = torch.stack([torch.from_numpy(read_sound(voice, seconds)) for voice in voices])
    np.save(file, vlbench.data.log_mel(sounds).numpy())

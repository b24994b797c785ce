"""Clips of files as a dataset of three sides, decoded once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from numpy.typing import NDArray

import vlbench
from vlbench.errors import DataError, OptionError
from vlbench_media.annotations import FILES, MOCK, READERS, SOURCES, Clip, check_counts
from vlbench_media.decode import read_frames, read_sound
from vlbench_media.find import MediaFiles
from vlbench_media.needs import media_library
from vlbench_media.options import MediaOptions

SIDES = {
    "didemo": ("video", "audio", "text"),
    "audiocaps": ("audio", "text"),
    "clotho": ("audio", "text"),
    "media": ("video", "audio", "text"),
}
_FORM = 2
"""Raised when decoding changes, so that what an older version decoded is not used."""


def load(name: str, options: MediaOptions, store: Path) -> vlbench.PairDataset:
    """Frames uint8 [clip, time, 3, height, width], sound (log-mel levels uint8 or a waveform) and captions.

    Raises:
        DataError: an annotation file has other counts, or a file is missing, broken or cut off.
        OptionError: a side is asked for that the dataset does not have.
    """
    sides = options.sides or SIDES[name]
    if not set(sides) <= set(SIDES[name]):
        raise OptionError(f"sides = {list(sides)}: {name} has {', '.join(SIDES[name])}.")
    media_library()  # before anything is stored of what cannot be read
    root, notes, splits = Path(options.root), [], {}
    mock = (root / MOCK).exists()
    files = MediaFiles.below(root, beside=name == "media")
    for split, clips in READERS[name](root, options).items():
        if not mock:
            check_counts(name, split, clips, joined=not getattr(options, "moments", False))
        splits[split], said = _split(clips, files, sides, options, store)
        notes += [f"{split}: {note}" for note in said]
    fingerprint = vlbench.fingerprint(sides, splits)
    return vlbench.PairDataset(name, tuple(sides), splits, fingerprint, mock=mock, notes=tuple(notes))


didemo, audiocaps, clotho, media = (partial(load, name) for name in READERS)


def needed(name: str, options: MediaOptions) -> list[vlbench.data.NeededFile]:
    """The annotation files and the folder of media, for ``vlbench prepare``."""
    root = Path(options.root)
    wanted = [vlbench.data.NeededFile(root / file, (root / file).exists(), SOURCES[name]) for file in FILES[name]]
    about = "the videos or sounds, in any folders below it, under the names that the annotations have"
    return [*wanted, vlbench.data.NeededFile(root, bool(MediaFiles.below(root).by_stem), about)]


didemo_files, audiocaps_files, clotho_files, media_files = (partial(needed, name) for name in READERS)


Paths = list[dict[str, Path]]
"""Side -> file, of each clip."""
Made = tuple[dict[str, NDArray[Any]], dict[int, str]]


def _split(
    clips: list[Clip], files: MediaFiles, sides: Iterable[str], options: MediaOptions, store: Path
) -> tuple[vlbench.Split, list[str]]:
    """A split, and what is to be said of it."""
    read = [side for side in sides if side != "text"]
    own = options.sounds_of == "videos"
    paths = [{side: files.path(clip, side, own_sounds=own) for side in read} for clip in clips]
    about = {key: value for key, value in asdict(options).items() if key not in ("root", "sides")}
    stamps = [
        (clip.name, clip.span, [_stamp(path) for path in found.values()])
        for clip, found in zip(clips, paths, strict=True)
    ]
    key = hashlib.sha256(json.dumps([_FORM, read, about, stamps]).encode()).hexdigest()[:20]
    path = store / f"media-{key}.npz"
    arrays, bad = vlbench.data.made_once(path, partial(_write, clips, paths, read, options), _read)
    if bad and not options.skip_bad:
        raise DataError(next(iter(bad.values())) + (f" {len(bad) - 1} more like it." if len(bad) > 1 else ""))
    good = [clip for at, clip in enumerate(clips) if at not in bad]
    if not good:
        raise DataError(f"no clip of {len(clips)} can be read; the first: {next(iter(bad.values()))}")
    notes = _of_sounds(clips, paths, files) if "audio" in read else []
    notes += [f"{len(bad):,} of {len(clips):,} clips are left out: {next(iter(bad.values()))}"] if bad else []
    return _assembled(good, arrays, sides), notes


def _assembled(clips: list[Clip], arrays: dict[str, NDArray[Any]], sides: Iterable[str]) -> vlbench.Split:
    items: dict[str, Any] = {side: torch.from_numpy(values) for side, values in arrays.items()}
    items["text"] = [text for clip in clips for text in clip.captions]
    owner = torch.tensor([at for at, clip in enumerate(clips) for _ in clip.captions])
    columns = {side: torch.arange(len(owner)) if side == "text" else owner for side in sides}
    pairs = torch.stack([columns[side] for side in sides], dim=1)
    pairs = pairs if "text" in columns else torch.arange(len(clips))[:, None].expand(-1, pairs.shape[1]).clone()
    names: dict[str, Sequence[str]] = {side: [clip.name for clip in clips] for side in arrays}
    return vlbench.Split({side: items[side] for side in sides}, pairs, names)


def _of_sounds(clips: list[Clip], paths: Paths, files: MediaFiles) -> list[str]:
    """A line, where videos have sounds in files of their own."""
    read = [found["audio"] for found in paths]
    apart = [path for clip, path in zip(clips, read, strict=True) if path != files.path(clip, "audio", own_sounds=True)]
    if not apart:
        return []
    shown = f"{len(apart):,} of {len(clips):,} videos have their sound in a file of its own, as {apart[0].name}"
    return [f"{shown}, which is read; sounds_of = 'videos' reads the videos' own"]


def _stamp(path: Path) -> list[int]:
    return [path.stat().st_size, path.stat().st_mtime_ns] if path.exists() else []


def _write(clips: list[Clip], paths: Paths, sides: list[str], options: MediaOptions, file: IO[bytes]) -> None:
    arrays: dict[str, list[NDArray[Any]]] = {side: [] for side in sides}
    bad: dict[int, str] = {}
    for at, (clip, found) in enumerate(zip(clips, paths, strict=True)):
        try:
            made = {side: _decode(side, found[side], clip, options) for side in sides}
        except DataError as error:
            bad[at] = str(error)
            continue
        for side, values in made.items():
            arrays[side].append(values)
    stacked: dict[str, Any] = {side: np.stack(values) for side, values in arrays.items() if values}
    text = np.frombuffer(json.dumps(bad).encode(), dtype=np.uint8)
    np.savez(file, bad=text, **stacked)


def _decode(side: str, path: Path, clip: Clip, options: MediaOptions) -> NDArray[Any]:
    if side == "video":
        return read_frames(path, options.frames, options.size, clip.span)
    start, end = clip.span or (0.0, options.seconds)
    sound = read_sound(path, options.seconds, start)
    sound[round((end - start) * 16_000) :] = 0
    if options.sound == "waveform":
        return sound
    levels: NDArray[np.uint8] = vlbench.data.log_mel(torch.from_numpy(sound)[None])[0].numpy()
    return levels


def _read(path: Path) -> Made:
    with np.load(path, allow_pickle=False) as stored:
        bad = {int(at): text for at, text in json.loads(stored["bad"].tobytes().decode()).items()}
        return {side: stored[side] for side in stored.files if side != "bad"}, bad

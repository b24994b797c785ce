"""Annotation files of DiDeMo, AudioCaps and Clotho -> clips with their captions.

What is not published, and is said here because scores depend on it:

- DiDeMo: the video-text literature joins the descriptions of a video and does not say in which order; here it is that
  of the annotation file. It scores 1,065 val and 1,004 test videos (Liu et al. 2019); the annotation files name 1,094
  and 1,037, and which are left out is not said with them. Here all are read, or, with skip_bad, those that are there.
  The figures that an aggregator attributes to distillation on DiDeMo name neither encoders nor budget.
- AudioCaps: clips are named by YouTube's number alone, or with a start in seconds; either is found.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlbench.errors import DataError
from vlbench_media.folder import rows_of, splits_of
from vlbench_media.options import DidemoOptions, FolderOptions, MediaOptions

SEGMENT = 5.0
"""Seconds of a segment that DiDeMo's moments are made of."""
MOCK = "MOCK.txt"


@dataclass(frozen=True)
class Clip:
    """A part of a file.

    Attributes:
        name: of the file, with or without its folder and suffix.
        captions: of the clip.
        span: seconds from which to which; None for the whole file.
        sound: name of the file of its sound; empty for one of the same name, or the sound of the video.
        others: further names that the file may have.
    """

    name: str
    captions: tuple[str, ...]
    span: tuple[float, float] | None = None
    sound: str = ""
    others: tuple[str, ...] = ()


Clips = dict[str, list[Clip]]
Reader = Callable[[Path, Any], Clips]

COUNTS = {
    "didemo": {"val": (1_094, 4_180), "test": (1_037, 4_021)},
    "audiocaps": {"val": (495, 2_475), "test": (975, 4_875)},
    "clotho": {"train": (3_839, 19_195), "val": (1_045, 5_225), "test": (1_045, 5_225)},
}
"""Of clips and captions in the published files; those of DiDeMo's and AudioCaps' train files were not at hand."""


def didemo(root: Path, options: DidemoOptions) -> Clips:
    """``train_data.json``, ``val_data.json`` and ``test_data.json``: videos with joined descriptions, or moments."""
    return {split: _didemo(root / f"{split}_data.json", options.moments) for split in ("train", "val", "test")}


def _didemo(path: Path, moments: bool) -> list[Clip]:
    rows = _rows(lambda: json.loads(path.read_text(encoding="utf-8")), path, ("video", "description", "times"))
    for number, row in enumerate(rows, start=1):
        _check_row(row, f"{path}: row {number}")
    if moments:
        return _moments(rows)
    by_video: dict[str, list[str]] = {}
    for row in rows:
        by_video.setdefault(row["video"], []).append(row["description"].strip().rstrip("."))
    return [Clip(video, (". ".join(texts),)) for video, texts in by_video.items()]


def _moments(rows: list[dict[str, Any]]) -> list[Clip]:
    """Descriptions of the same seconds of a video are captions of one clip."""
    found: dict[tuple[str, tuple[float, float]], list[str]] = {}
    for row in rows:
        found.setdefault((row["video"], _agreed(row["times"])), []).append(row["description"])
    return [Clip(video, tuple(dict.fromkeys(texts)), span) for (video, span), texts in found.items()]


def _check_row(row: dict[str, Any], where: str) -> None:
    for column in ("video", "description"):
        if not isinstance(row[column], str):
            raise DataError(f"{where}: {column!r} is {row[column]!r}. Expected: a text.")
    for time in row["times"] if isinstance(row["times"], list) else [row["times"]]:
        pair = isinstance(time, list) and len(time) == 2 and all(type(part) is int for part in time)
        if not pair or not 0 <= time[0] <= time[1]:
            raise DataError(f"{where}: a moment is {time!r}. Expected: [first, last] segment, as in [1, 2].")


def _agreed(times: list[list[int]]) -> tuple[float, float]:
    """The seconds that most annotators gave; the first of those that as many gave."""
    (first, last), _ = Counter(map(tuple, times)).most_common(1)[0]
    return first * SEGMENT, (last + 1) * SEGMENT


def audiocaps(root: Path, _options: MediaOptions) -> Clips:
    """``train.csv``, ``val.csv`` and ``test.csv``, one row a caption."""
    return {split: _audiocaps(root / f"{split}.csv") for split in ("train", "val", "test")}


def _audiocaps(path: Path) -> list[Clip]:
    found: dict[tuple[str, str], list[str]] = {}
    for row in _table(path, ("youtube_id", "start_time", "caption")):
        found.setdefault((row["youtube_id"], row["start_time"]), []).append(row["caption"])
    return [
        Clip(f"{name}_{start}", tuple(dict.fromkeys(texts)), others=(name, f"Y{name}"))
        for (name, start), texts in found.items()
    ]


def clotho(root: Path, _options: MediaOptions) -> Clips:
    """``clotho_captions_development.csv``, ``..._validation.csv`` and ``..._evaluation.csv``, five captions a row."""
    words = {"train": "development", "val": "validation", "test": "evaluation"}
    return {split: _clotho(root / f"clotho_captions_{word}.csv", word) for split, word in words.items()}


def _clotho(path: Path, folder: str) -> list[Clip]:
    columns = tuple(f"caption_{number}" for number in range(1, 6))
    rows = _table(path, ("file_name", *columns))
    return [Clip(f"{folder}/{row['file_name']}", tuple(row[column] for column in columns)) for row in rows]


def media(root: Path, options: FolderOptions) -> Clips:
    """A user's own files."""
    splits = splits_of(rows_of(root, options), options.seed)
    return {split: [Clip(row.name, row.captions, sound=row.sound) for row in rows] for split, rows in splits.items()}


READERS: dict[str, Reader] = {"didemo": didemo, "audiocaps": audiocaps, "clotho": clotho, "media": media}
FILES: dict[str, tuple[str, ...]] = {
    "media": (),
    "didemo": tuple(f"{split}_data.json" for split in ("train", "val", "test")),
    "audiocaps": tuple(f"{split}.csv" for split in ("train", "val", "test")),
    "clotho": tuple(f"clotho_captions_{word}.csv" for word in ("development", "validation", "evaluation")),
}
SOURCES = {
    "didemo": "github.com/LisaAnne/LocalizingMoments, data/",
    "audiocaps": "github.com/cdjkim/audiocaps, dataset/",
    "clotho": "zenodo.org/records/4783391",
}


def check_counts(name: str, split: str, clips: list[Clip], *, joined: bool = True) -> None:
    """Stop unless a split has as many clips as the published file.

    Args:
        name: of the dataset.
        split: of it.
        clips: as read.
        joined: one clip a video; otherwise captions are counted, of which a moment may have several.

    Raises:
        DataError: another number, and what is expected.
    """
    expected = COUNTS.get(name, {}).get(split)
    if expected is None:
        return
    what, count, wanted = "clips", len(clips), expected[0]
    if not joined:
        what, count, wanted = "captions", sum(len(clip.captions) for clip in clips), expected[1]
    if count != wanted:
        raise DataError(
            f"{name}/{split}: {count:,} {what}, expected {wanted:,}. Take the file as it is published: {SOURCES[name]}."
        )


def _table(path: Path, columns: tuple[str, ...]) -> list[dict[str, str]]:
    def read() -> list[dict[str, str]]:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return list(csv.DictReader(file))

    return _rows(read, path, columns)


def _rows(read: Callable[[], Iterable[Any]], path: Path, columns: tuple[str, ...]) -> list[dict[str, Any]]:
    try:
        rows = list(read())
    except FileNotFoundError:
        raise DataError(f"{path}: no such file. What is needed: vlbench prepare SUITE --data DIR") from None
    except (OSError, ValueError, TypeError, RecursionError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error}). Get the file anew.") from None
    for number, row in enumerate(rows, start=1):
        lacking = [c for c in columns if not isinstance(row, dict) or row.get(c) in (None, "", [])]
        if lacking:
            raise DataError(f"{path}: row {number} has no {lacking[0]!r}. Expected: {', '.join(columns)}.")
    if not rows:
        raise DataError(f"{path}: holds no row. Get the file anew.")
    return rows

"""A user's own videos or sounds: a text beside each file, or a table that names files and captions."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from vlbench.errors import DataError
from vlbench_media.options import FolderOptions

VIDEOS = {".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".3gp", ".mpg"}
SOUNDS = {".wav", ".flac", ".ogg", ".mp3", ".m4a"}
SUFFIXES = VIDEOS | SOUNDS
_KINDS = {"video": VIDEOS, "sound": SOUNDS, "media": SUFFIXES}
TABLES = {".csv": ",", ".tsv": "\t", ".jsonl": ""}
_CAPTION = re.compile(r"(caption|captions|text|texts|sentence|sentences|description|descriptions)[_ ]?\d*")
_SPLITS = {
    "train": "train", "training": "train", "development": "train", "val": "val", "valid": "val", "validation": "val",
    "dev": "val", "test": "test", "testing": "test", "eval": "test", "evaluation": "test",
}  # fmt: skip
SHARES = {"test": 0.2, "val": 0.1}
FEWEST = 3
_LOOKED = 50
"""Rows of a table from which its columns are guessed."""


@dataclass(frozen=True)
class Row:
    """A file with its captions; ``split`` and ``sound`` are empty where the table tells none."""

    name: str
    captions: tuple[str, ...]
    split: str = ""
    sound: str = ""


@dataclass(frozen=True)
class Columns:
    """Of a table: which names files, which hold captions, which tell the split and sounds (empty where none does)."""

    file: str
    captions: tuple[str, ...]
    split: str
    sound: str


def is_media(name: object, suffixes: set[str] = SUFFIXES) -> bool:
    """Whether a name is that of a video or a sound."""
    return isinstance(name, str) and Path(name.strip()).suffix.lower() in suffixes


def rows_of(root: Path, options: FolderOptions) -> list[Row]:
    """Every file that has a caption, in the order of names or of the table.

    Raises:
        DataError: there is none, or the table cannot be read.
    """
    found = _of_table(table_path(root, options.table), options) if options.table else list(_beside(root, options))
    if not found:
        raise DataError(f"{root}: no video or sound with a text file beside it, as a.mp4 with a.txt. Name a table.")
    return found


def table_path(root: Path, table: str) -> Path:
    """Below the root, or as it is named."""
    return root / table if (root / table).exists() else Path(table)


def splits_of(rows: list[Row], seed: int) -> dict[str, list[Row]]:
    """Those of the table where it has all three; else drawn by file: a new file moves few others.

    Raises:
        DataError: fewer than three files.
    """
    told = {split: [row for row in rows if row.split == split] for split in ("train", "val", "test")}
    if all(told.values()):
        return told
    if len(rows) < FEWEST:
        raise DataError(f"{len(rows)} videos or sounds with captions; {FEWEST} are the fewest that make three splits.")
    left = sorted(rows, key=lambda row: hashlib.sha256(f"{seed} {row.name}".encode()).digest())
    drawn: dict[str, list[Row]] = {}
    for split, share in SHARES.items():
        count = max(1, round(share * len(rows)))
        drawn[split], left = left[:count], left[count:]
    return {"train": left, "val": drawn["val"], "test": drawn["test"]}


def _beside(root: Path, options: FolderOptions) -> Iterator[Row]:
    sound_first = bool(options.sides) and "video" not in options.sides
    for folder, folders, names in os.walk(root):
        folders.sort()
        texts = {Path(name).stem for name in names if name.lower().endswith(".txt")}
        by_stem: dict[str, list[str]] = {}
        for name in sorted(names):
            if is_media(name) and Path(name).stem in texts:
                by_stem.setdefault(Path(name).stem, []).append(name)
        for stem, media in sorted(by_stem.items()):
            lines = tuple(
                dict.fromkeys(line.strip() for line in text_lines(Path(folder, f"{stem}.txt")) if line.strip())
            )
            if lines:
                yield Row(str(Path(folder, _one(Path(folder), media, sound_first)).relative_to(root)), lines)


def _one(folder: Path, names: list[str], sound_first: bool) -> str:
    """The video of files of one stem, or the sound; the other may be there as well."""
    kinds = (SOUNDS, VIDEOS) if sound_first else (VIDEOS, SOUNDS)
    for kind in kinds:
        of_kind = [name for name in names if Path(name).suffix.lower() in kind]
        if len(of_kind) > 1:
            raise DataError(
                f"{folder}: {of_kind[0]} and {of_kind[1]} have one text, {Path(names[0]).stem}.txt. Move one away, or "
                f"name the files in a table: --captions FILE."
            )
    return min(names, key=lambda name: Path(name).suffix.lower() not in kinds[0])


def text_lines(path: Path) -> list[str]:
    """Lines of a text file, which end at ``\\n``, ``\\r\\n`` and ``\\r`` only.

    Raises:
        DataError: it is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")  # every line break is read as \n
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not UTF-8 ({error.reason}). Save it as UTF-8 text.") from None


def _of_table(path: Path, options: FolderOptions) -> list[Row]:
    columns = columns_of(path, options)
    if columns is None:
        raise DataError(
            f"{path}: no column of names that end in .mp4, .wav and the like, with one of captions. Name them: "
            f"file_column, caption_column."
        )
    captions: dict[str, dict[str, None]] = {}
    splits: dict[str, str] = {}
    sounds: dict[str, str] = {}
    for number, row in enumerate(_rows(path), start=1):
        name = str(row.get(columns.file) or "").strip()
        found = [text for column in columns.captions for text in _texts(row.get(column))]
        if not name or not found:
            raise DataError(f"{path}: row {number} has no file name or no caption. Take it out, or fill it in.")
        captions.setdefault(name, {}).update(dict.fromkeys(found))
        splits.setdefault(name, _SPLITS.get(str(row.get(columns.split) or "").strip().lower(), ""))
        sounds.setdefault(name, str(row.get(columns.sound) or "").strip())
    return [Row(name, tuple(texts), splits[name], sounds[name]) for name, texts in captions.items()]


def columns_of(path: Path, options: FolderOptions) -> Columns | None:
    """The columns that are named, or guessed from the first rows; None where it names no media or has no captions."""
    rows = list(islice(_rows(path), _LOOKED))
    names = list(dict.fromkeys(name for row in rows for name in row if name))
    for option in ("file_column", "caption_column", "sound_column"):
        wanted = getattr(options, option)
        if wanted and wanted not in names:
            raise DataError(f"{path}: {option} = {wanted!r}: there is no such column. It has: {', '.join(names)}.")
    of_kind = {kind: _naming(rows, names, suffixes) for kind, suffixes in _KINDS.items()}
    file = options.file_column or next(iter(of_kind["video"] + of_kind["media"]), "")
    sounds = [name for name in of_kind["sound"] if name != file]
    sound = options.sound_column or (sounds[0] if file and sounds else "")
    split = next((name for name in names if name.lower() == "split"), "")
    rest = [name for name in names if name not in (file, split, sound)]
    named = [name for name in rest if _CAPTION.fullmatch(name.lower())]
    captions = [options.caption_column] if options.caption_column else named
    return Columns(file, tuple(captions), split, sound) if file and captions else None


def _naming(rows: list[dict[str, Any]], columns: list[str], suffixes: set[str]) -> list[str]:
    """Columns whose values are, for the most part, names of files of these kinds."""
    return [name for name in columns if sum(is_media(row.get(name), suffixes) for row in rows) * 2 > len(rows)]


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one.strip() for one in values if isinstance(one, str) and one.strip()]


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists() and not path.is_file():
        raise DataError(f"{path}: no file, so no table. Name a table: CSV, TSV or JSONL.")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _parsed(path, file)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Name a table: CSV, TSV or JSONL.") from None
    except (ValueError, csv.Error) as error:
        raise DataError(f"{path}: cannot be read ({error}). It must be CSV, TSV or JSONL in UTF-8.") from None


def _parsed(path: Path, file: IO[str]) -> Iterator[dict[str, Any]]:
    separator = TABLES.get(path.suffix.lower(), ",")
    if separator:
        yield from csv.DictReader(file, delimiter=separator)
        return
    for line in file:
        row = json.loads(line) if line.strip() else None
        if isinstance(row, dict):
            yield row
        elif row is not None:
            raise DataError(f"{path}: a line is {type(row).__name__}. Each must be an object with a file and captions.")

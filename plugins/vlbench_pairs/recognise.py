"""What ``vlbench init`` learns of a user's files: their form, which are which, and splits that are then fixed."""

from __future__ import annotations

import os
import re
import shlex
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from vlbench.data import Draft
from vlbench.errors import DataError
from vlbench_pairs.columns import is_image_name
from vlbench_pairs.files import existing_paths, lines, read_text, text_suffix
from vlbench_pairs.foreign import foreign
from vlbench_pairs.forms import FORMS, SUFFIXES, TABLES, detect_format, is_log
from vlbench_pairs.options import PairsOptions
from vlbench_pairs.reader import Reading, read_records, read_rows
from vlbench_pairs.rows import split_of_path
from vlbench_pairs.samples import METADATA
from vlbench_pairs.sources import is_archive, is_aside

DEEP = 3
"""Folders below the one that is named in which annotation files are looked for."""
ORDER = ("karpathy", "coco", "retrieval", "csv", "jsonl", "token", "parquet")
"""Which form is taken where a folder holds several."""
NO_CAPTIONS = ("instances_", "person_keypoints_", "image_info_", "stuff_", "panoptic_", "._")
"""How names of COCO's other annotation files begin, and of what a Mac leaves in archives."""
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass
class Guess:
    """Options; what was guessed with them -> the flag that changes it; and what is wrong with tables not read."""

    options: dict[str, Any]
    said: dict[str, str] = field(default_factory=dict)
    unread: list[DataError] = field(default_factory=list)


def recognise(path: str, captions: str = "") -> Draft | None:
    """A draft for a file, a folder or a hub's name; None where nothing here can be read as pairs.

    Args:
        path: of the data, or of the images alone.
        captions: annotation file, where the user names it.

    Raises:
        DataError: it is of a form that is read, and something is wrong with it.
    """
    guess = _guess(path, captions)
    if guess is None:
        return None
    try:
        return _draft(guess, guess.options)
    except DataError as error:
        # What is said of files that are not read goes first: they may be what the user means.
        first = guess.unread[0] if guess.unread else error
        if "skip_bad" not in str(error):
            raise first from None
        try:
            return _draft(guess, guess.options | {"skip_bad": True}, left_out=f"{error}")
        except DataError:  # of what is left; the first says what is wrong with the files
            raise first from None


def _guess(path: str, captions: str) -> Guess | None:
    where = Path(path).expanduser()
    if captions:
        images = {} if os.path.realpath(captions) == os.path.realpath(where) else {"images": [path]}
        return Guess({"annotations": [captions], **images})
    if not where.exists() and "{" not in path and "*" not in path:
        if not _HUB_NAME.fullmatch(path):
            raise DataError(f"{path}: no such file or folder, and no OWNER/NAME of a dataset on the hub.")
        return Guess({"annotations": [path], "format": "huggingface"}, {f"{path} is a name on the hub": "a path"})
    found = existing_paths([path], "PATH")
    if len(found) == 1 and found[0].is_dir():
        return _in_folder(found[0])
    for one in found:
        if why := foreign(one):
            raise DataError(why)
    if zipfile.is_zipfile(found[0]):
        _refuse_table_within(found[0])
    return Guess({"annotations": [path], **_archives_beside(found[0])})


def _refuse_table_within(archive: Path) -> None:
    """Raise where captions stand in a table inside a zip file: it is read beside it."""
    try:
        with zipfile.ZipFile(archive) as opened:
            names = [name for name in opened.namelist() if not Path(name).name.startswith("._")]
    except Exception:  # zipfile raises many kinds; the reader names what is damaged
        return
    stems = {Path(name).stem for name in names if is_image_name(name)}
    tables = [name for name in names if Path(name).suffix.lower() in SUFFIXES and Path(name).stem not in stems]
    if tables and stems and not any(Path(name).name in METADATA for name in tables):
        here, table, taken = map(shlex.quote, (str(archive), tables[0], Path(tables[0]).name))
        raise DataError(
            f"{archive}: captions stand in {tables[0]} within. Take it out, and name both: unzip -j {here} {table} && "
            f"vlbench init {here} --captions {taken}"
        )


def _archives_beside(annotation: Path) -> dict[str, Any]:
    """Archives of images beside an annotation file, where no loose image is below its folder."""
    if is_archive(annotation) or annotation.suffix in TABLES:
        return {}
    folder = annotation.parent
    archives = sorted(str(path) for path in folder.iterdir() if is_archive(path))
    return {"images": archives} if archives and not _first_image(folder) else {}


def _first_image(folder: Path) -> Path | None:
    return next((path for path in folder.rglob("*") if is_image_name(path.name)), None)


def _in_folder(folder: Path) -> Guess | None:
    kind = detect_format(folder)
    packed = not _first_image(folder) and any(map(is_archive, folder.iterdir()))  # a table beside an archive
    if kind == "huggingface" or (any(next(folder.rglob(name), None) for name in METADATA) and not packed):
        return Guess({"annotations": [str(folder)]})
    saved = sorted(path.parent for path in folder.glob("*/dataset_dict.json")) or sorted(
        path.parent for path in folder.glob("*/state.json")
    )
    if saved:
        return Guess({"annotations": [str(saved[0])], **({"images": [str(folder)]} if _first_image(folder) else {})})
    by_kind, lists, unread = _annotation_files(folder)
    if by_kind:
        chosen = min(by_kind, key=ORDER.index)
        return _of_files(folder, by_kind, chosen, lists)
    if kind != "folder" or _first_image(folder):
        return Guess({"annotations": [str(folder)]}, unread=unread)
    archives = sorted(str(path) for path in folder.glob("*") if is_archive(path))
    if unread and not archives:
        raise unread[0]
    return Guess({"annotations": archives}, unread=unread) if archives else None


def _of_files(folder: Path, by_kind: dict[str, list[Path]], kind: str, lists: list[Path]) -> Guess:
    files = by_kind[kind]
    of_splits = [path for path in files if split_of_path(path)]
    chosen = of_splits if of_splits and len(of_splits) < len(files) else files
    by_folder = {} if of_splits else _by_folder(files)
    if len(chosen) > 1 and not of_splits and not by_folder:
        chosen = [path for path in files if _is_part(path, files[0])]
    others = [path for found in by_kind.values() for path in found if path not in chosen]
    guess = Guess({"annotations": [by_folder.get(path, "") + str(path) for path in chosen]})
    names = ", ".join(path.name for path in chosen)
    guess.said[f"captions from {names}" + (f", not from {_some(others)}" if others else "")] = "--captions FILE"
    if not _first_image(folder):
        archives = sorted(str(path) for path in folder.rglob("*") if is_archive(path))
        if archives:
            guess.options["images"] = archives
    elif any(path.parent != folder for path in chosen):
        guess.options["images"] = [str(folder)]
    if lists:
        guess.options["splits"] = [str(path) for path in lists]
        guess.said[f"splits from {_some(lists)}"] = "-o splits=FILE,FILE,FILE"
    return guess


def _by_folder(files: list[Path]) -> dict[Path, str]:
    """``train=`` and so on for files that lie in a folder for each split; empty where they do not."""
    splits = {path: split_of_path(path.parent) for path in files}
    several = len({*splits.values()}) > 1 and all(splits.values())
    return {path: f"{split}=" for path, split in splits.items()} if several else {}


def _is_part(path: Path, first: Path) -> bool:
    """Whether two files are the same, or parts of one table of columns whose names differ in digits alone."""
    same = path.parent == first.parent and re.sub(r"\d+", "", path.name) == re.sub(r"\d+", "", first.name)
    return path == first or (same and path.suffix.lower() in TABLES)


def _some(paths: list[Path]) -> str:
    return ", ".join(path.name for path in paths[:4]) + (", ..." if len(paths) > 4 else "")


def _annotation_files(folder: Path) -> tuple[dict[str, list[Path]], list[Path], list[DataError]]:
    """Annotation files by their form, and lists of image names for splits; those nearest to the folder.

    Then what is wrong with tables that cannot be read.
    """
    by_kind: dict[str, list[Path]] = {}
    lists: list[Path] = []
    unread = [DataError(why) for path in sorted(folder.glob("*")) if (why := foreign(path))]
    nearest = DEEP
    for path in sorted(_candidates(folder), key=lambda path: (len(path.parts), path)):
        if len(path.relative_to(folder).parts) > nearest:
            break
        if path.suffix.lower() == ".txt" and _lists_names(path):
            if split_of_path(path):
                lists.append(path)
            continue
        try:
            kind = detect_format(path)
        except DataError as error:
            unread += [error] if text_suffix(path) != ".txt" else []
            continue
        if kind in ORDER:
            by_kind.setdefault(kind, []).append(path)
            nearest = len(path.relative_to(folder).parts)
    return _with_pairs(by_kind), lists, unread


def _with_pairs(by_kind: dict[str, list[Path]]) -> dict[str, list[Path]]:
    """Of several files those that hold pairs: settings, labels and the like lie beside them. All where none does."""
    if sum(map(len, by_kind.values())) < 2:
        return by_kind
    kept = {kind: [path for path in paths if _holds_pairs(path, kind)] for kind, paths in by_kind.items()}
    return {kind: paths for kind, paths in kept.items() if paths} or by_kind


def _holds_pairs(path: Path, kind: str) -> bool:
    options = PairsOptions(annotations=(str(path),), format=kind, skip_bad=True)
    with ExitStack() as stack:
        try:
            return any(True for _ in read_rows(Reading.of(options, stack)))
        except DataError:
            return False


def _candidates(folder: Path) -> Iterator[Path]:
    """Files that may hold annotations; not those beside a picture of the same name, or in a folder of captions."""
    paths = sorted(folder.rglob("*"))
    pictures = {path.stem for path in paths if is_image_name(path.name)}
    for path in paths:
        deep = len(path.relative_to(folder).parts)
        here = text_suffix(path) in SUFFIXES and deep <= DEEP and not path.name.startswith(NO_CAPTIONS)
        if any(map(is_aside, path.relative_to(folder).parts[:-1])):
            continue
        of_one = path.suffix.lower() in (".txt", ".json") and path.stem in pictures
        if here and not of_one and path.is_file() and not _is_beside(path) and not is_log(path):
            yield path


def _is_beside(path: Path) -> bool:
    return is_image_name(path.stem) or any(
        is_image_name(other.name) for other in path.parent.glob(f"{_escaped(path.stem)}.*")
    )


def _escaped(stem: str) -> str:
    return re.sub(r"([\[\]*?])", r"[\1]", stem)


def _lists_names(path: Path) -> bool:
    """Whether every line of a text file is the name of an image."""
    try:
        found = [line.strip() for line in lines(read_text(path)) if line.strip()]
    except DataError:
        return False
    return bool(found) and all(is_image_name(line) and "," not in line and "\t" not in line for line in found)


def _draft(guess: Guess, options: dict[str, Any], *, left_out: str = "") -> Draft:
    """Read all annotations, look every file up, and write down what was drawn, and the first that was left out."""
    typed: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in options.items()
    }
    with ExitStack() as stack:
        reading = Reading.of(PairsOptions(**typed), stack)
        records, _ = read_records(reading)
    count = len(reading.skipped.entries)
    bad = {f"what cannot be read is left out ({count:,} in all): {left_out}": "-o skip_bad=false"} if left_out else {}
    # What is not there stands on a list too, so that later runs count it as left out.
    names = {split: [record.image for record in found] for split, found in records.items()}
    names["train"] += reading.absent
    lists = {f"{split}.txt": "".join(f"{name}\n" for name in found) for split, found in names.items()}
    return Draft(
        form="; ".join(FORMS[kind] for kind in dict.fromkeys(reading.kinds)),
        options=options,
        guesses=guess.said | bad | _said(reading),
        lists=lists if any(map(_is_draw, reading.notes)) else {},
        list_option="splits",
        bad={"skip_bad": True},
    )


def _said(reading: Reading) -> dict[str, str]:
    """What was guessed in reading -> the flag that changes it."""
    columns = {
        f"{option.replace('_', ' ')}: {found}": f"-o {option}=NAME" for option, found in reading.columns.guessed.items()
    }
    return columns | {note: _flag(note) for note in reading.notes}


def _is_draw(note: str) -> bool:
    return "drawn by image" in note


def _flag(note: str) -> str:
    if _is_draw(note):
        return "-o split_seed=N, or files that tell the split"
    for value in ("whole", "lines"):
        if f"text_lines = '{value}'" in note:
            return f"-o text_lines={value}"
    return ""

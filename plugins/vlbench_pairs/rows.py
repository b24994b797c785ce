"""What every annotation reader yields, and how rows become checked records with a split."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from vlbench.errors import DataError, OptionError
from vlbench_pairs.files import existing_paths, listed, nfc

HALF = re.compile("[\ud800-\udfff]")
"""Half of a pair of surrogates: JSON can spell one alone, and no file can hold it."""
SPLITS = ("train", "val", "test")
LEAVE_OUT = " Or leave out what cannot be used: skip_bad = true."

_SPLIT_OF_WORD = {
    "train": "train",
    "training": "train",
    "restval": "train",  # COCO: validation photographs that the usual protocol trains on
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True, slots=True)
class AnnotationRow:
    """One entry of an annotation file.

    Attributes:
        image: the image's name as the file has it.
        captions: its captions.
        split: the split's name as the file has it; empty where the file does not say.
        where: file and place, for messages.
        partial: the row is one caption of an image that other rows may name too.
    """

    image: str
    captions: tuple[str, ...]
    split: str
    where: str
    partial: bool = False


@dataclass(slots=True)
class Fields:
    """One image with all its captions."""

    image: str
    where: str
    partial: bool
    captions: list[str] = field(default_factory=list)


@dataclass
class Skipped:
    """What could not be read: an error, or, with ``skip_bad``, a line of a list.

    Attributes:
        allowed: the option ``skip_bad``.
        entries: what was left out -> why.
    """

    allowed: bool = False
    entries: dict[str, str] = field(default_factory=dict)

    def add(self, what: str, why: DataError | str) -> None:
        """Leave something out, or raise where that was not asked for."""
        if not self.allowed:
            raise DataError(f"{why}{'' if 'skip_bad' in str(why) else LEAVE_OUT}") from None
        self.entries.setdefault(what, str(why))


T = TypeVar("T")


def each(
    entries: Iterable[tuple[str, T]], parse: Callable[[T, str], AnnotationRow | None], skipped: Skipped
) -> Iterator[AnnotationRow]:
    """Rows of entries, each with its place; what is wrong with one goes to ``skipped``."""
    for where, entry in entries:
        try:
            row = parse(entry, where)
        except DataError as error:
            skipped.add(where, error)
        else:
            if row is not None:
                yield row


def split_of(word: str, where: str) -> str:
    """``train``, ``val`` or ``test`` for the name a file uses.

    Raises:
        DataError: the name is not known.
    """
    split = _SPLIT_OF_WORD.get(word.strip().lower())
    if split is None:
        raise DataError(f"{where}: unknown split {word!r}. Known: {', '.join(_SPLIT_OF_WORD)}.")
    return split


def is_split(word: str) -> bool:
    """Whether a word is a name of a split."""
    return word.strip().lower() in _SPLIT_OF_WORD


def split_of_path(path: Path, folders: int = 0) -> str:
    """The split that a file's name tells (``flickr30k_train.json``, ``Flickr_8k.devImages.txt``), or an empty text.

    Args:
        path: of the file.
        folders: how many of the folders above it may tell the split, where the name does not.
    """
    for part in [path.name, *(parent.name for parent in list(path.parents)[:folders])]:
        words = re.split(r"[^A-Za-z]+|(?<=[a-z])(?=[A-Z])", part)
        found = {_SPLIT_OF_WORD[word.lower()] for word in words if word.lower() in _SPLIT_OF_WORD}
        if len(found) == 1:
            return found.pop()
    return ""


def split_paths(value: str | Sequence[str], option: str) -> list[tuple[Path, str]]:
    """Files of an option with one file per split, and the split each is for (empty where nothing tells).

    ``train=FILE`` says the split; otherwise the file's name does, where it can.

    Raises:
        DataError: a file does not exist.
    """
    pairs: list[tuple[Path, str]] = []
    for entry in listed(value):
        head, equals, tail = entry.partition("=")
        explicit = bool(equals) and head.isalpha() and not Path(entry).expanduser().exists()
        for path in existing_paths([tail if explicit else entry], option):
            pairs.append((path, head if explicit else split_of_path(path)))
    return pairs


Records = dict[str, list[Fields]]
"""Split -> its images with their captions; those without a split stand under an empty text."""


def assemble(rows: Iterable[AnnotationRow], clean: Callable[[str], str], skipped: Skipped) -> Records:
    """Records of ``train``, ``val`` and ``test``, in the order in which the rows first name them.

    Raises:
        DataError: an unknown split, an image in two splits or twice in one, an image without captions, or an empty
            caption (with ``skip_bad``, those two are left out).
    """
    records: dict[str, dict[str, Fields]] = {split: {} for split in (*SPLITS, "")}
    split_of_image: dict[str, str] = {}
    for row in rows:
        split = split_of(row.split, row.where) if row.split else ""
        name = nfc(row.image)
        if split_of_image.setdefault(name, split) != split:
            raise _two_splits(row, split_of_image[name], split)
        _add(records[split], row, name, clean=clean, skipped=skipped)
    return {split: list(found.values()) for split, found in records.items()}


def _two_splits(row: AnnotationRow, one: str, other: str) -> DataError:
    if one and other:
        return DataError(f"{row.where}: image {row.image!r} is in two splits, {one} and {other}. Keep one.")
    return DataError(f"{row.where}: image {row.image!r} has no split here, and is in {one or other} elsewhere.")


def _add(
    records: dict[str, Fields], row: AnnotationRow, name: str, *, clean: Callable[[str], str], skipped: Skipped
) -> None:
    known = records.get(name)
    if known is not None and not (known.partial and row.partial):
        raise DataError(
            f"{row.where}: a second record of image {row.image!r}; the first is {known.where}. Remove one of them."
        )
    captions = []
    for caption in row.captions:
        text = clean(caption)
        problem = "half a character in a" if HALF.search(text) else "" if text else "an empty"
        if not problem:
            captions.append(text)
            continue
        skipped.add(
            f"{row.where}: {row.image}",
            f"{row.where}: {problem} caption ({caption!a}) of image {row.image!r}. Write or remove it.",
        )
    if not row.captions:
        skipped.add(row.image, f"{row.where}: image {row.image!r} has no captions. Add one, or remove the image.")
    if captions:
        record = records.setdefault(name, Fields(image=row.image, where=row.where, partial=row.partial))
        record.captions += captions


def cleaner(name: str) -> Callable[[str], str]:
    """Text cleaning by name: ``none`` only strips white space at both ends; ``vldd`` as in that protocol.

    Raises:
        OptionError: there is none of that name.
    """
    if name == "none":
        return str.strip
    if name == "vldd":
        return _clean_vldd
    raise OptionError(f"clean = {name!r}: expected 'none' or 'vldd'.")


def _clean_vldd(caption: str) -> str:
    """Lower case, punctuation to spaces, white space squeezed, first 30 words (as BLIP, LoRS and VLDD do)."""
    return " ".join(re.sub(r"[.!\"()*#:;~]", " ", caption.lower()).split()[:30])

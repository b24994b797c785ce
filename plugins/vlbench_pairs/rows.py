"""What every annotation reader yields, and how rows become checked records with a split."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from vlbench.errors import DataError, OptionError

SPLITS = ("train", "val", "test")

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


@dataclass(frozen=True)
class Row:
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


@dataclass
class Record:
    """One image with all its captions."""

    image: str
    where: str
    partial: bool
    captions: list[str] = field(default_factory=list)


def split_of(word: str, where: str) -> str:
    """``train``, ``val`` or ``test`` for the name a file uses.

    Raises:
        DataError: the name is not known.
    """
    split = _SPLIT_OF_WORD.get(word.strip().lower())
    if split is None:
        raise DataError(f"{where}: unknown split {word!r}. Known: {', '.join(_SPLIT_OF_WORD)}.")
    return split


def split_of_path(path: Path) -> str:
    """The split that a file's name tells (``flickr30k_train.json``, ``Flickr_8k.devImages.txt``), or an empty text."""
    words = re.split(r"[^A-Za-z]+|(?<=[a-z])(?=[A-Z])", path.name)
    found = {_SPLIT_OF_WORD[word.lower()] for word in words if word.lower() in _SPLIT_OF_WORD}
    return found.pop() if len(found) == 1 else ""


def assemble(rows: Iterable[Row], clean: Callable[[str], str]) -> dict[str, list[Record]]:
    """Records of ``train``, ``val`` and ``test``, in the order in which the rows first name them.

    Raises:
        DataError: an unknown or missing split, an image in two splits or twice in one, an image without captions, an
            empty caption, or a split without images.
    """
    records: dict[str, dict[str, Record]] = {split: {} for split in SPLITS}
    split_of_image: dict[str, str] = {}
    for row in rows:
        if not row.split:
            raise DataError(
                f"{row.where}: image {row.image!r} has no split. Give one file for each split whose name tells it "
                f"(train=FILE works with any name), a split for each image, or split lists (option 'splits')."
            )
        split = split_of(row.split, row.where)
        if split_of_image.setdefault(row.image, split) != split:
            other = split_of_image[row.image]
            raise DataError(f"{row.where}: image {row.image!r} is in two splits, {other} and {split}. Keep one.")
        _add(records[split], row, clean)
    for split in SPLITS:
        if not records[split]:
            have = ", ".join(name for name in SPLITS if records[name]) or "none"
            raise DataError(f"no images in split {split!r} (with images: {have}). Add annotations for {split!r}.")
    return {split: list(found.values()) for split, found in records.items()}


def _add(records: dict[str, Record], row: Row, clean: Callable[[str], str]) -> None:
    known = records.get(row.image)
    if known is not None and not (known.partial and row.partial):
        raise DataError(
            f"{row.where}: a second record of image {row.image!r}; the first is {known.where}. Remove one of them."
        )
    if not row.captions:
        raise DataError(f"{row.where}: image {row.image!r} has no captions. Add one, or remove the image.")
    record = records.setdefault(row.image, Record(image=row.image, where=row.where, partial=row.partial))
    for caption in row.captions:
        text = clean(caption)
        if not text:
            raise DataError(f"{row.where}: an empty caption ({caption!r}) of image {row.image!r}. Write or remove it.")
        record.captions.append(text)


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

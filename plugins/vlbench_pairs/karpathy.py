"""Karpathy's split files: ``dataset_flickr8k.json``, ``dataset_flickr30k.json``, ``dataset_coco.json``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vlbench.errors import DataError
from vlbench_pairs.files import read_json, text_field
from vlbench_pairs.rows import Row

MOCK = "mock"
"""Key of a file that ``vlbench data mock`` made."""


def is_karpathy(content: Any) -> bool:
    """Whether parsed JSON has the shape ``{"images": [...]}``."""
    return isinstance(content, dict) and isinstance(content.get("images"), list)


def read_karpathy(path: Path) -> tuple[list[Row], bool]:
    """One row per image, and whether the file says of itself that it is a mock.

    COCO's ``filepath`` is the folder of the image, ``restval`` is a part of train.

    Raises:
        DataError: the file is malformed.
    """
    content = read_json(path)
    if not is_karpathy(content):
        raise DataError(f"{path}: not a Karpathy file, which is an object with a list 'images'.")
    return list(_rows(content, path)), MOCK in content


def _rows(content: dict[str, Any], path: Path) -> Iterator[Row]:
    for index, record in enumerate(content["images"]):
        where = f"{path}, images[{index}]"
        if not isinstance(record, dict):
            raise DataError(f"{where}: expected an object, not {type(record).__name__}.")
        folder = text_field(record, "filepath", where, default="")
        name = text_field(record, "filename", where)
        yield Row(
            image=f"{folder}/{name}" if folder else name,
            captions=tuple(_captions(record, where)),
            split=text_field(record, "split", where),
            where=where,
        )


def _captions(record: dict[str, Any], where: str) -> Iterator[str]:
    sentences = record.get("sentences", [])
    if not isinstance(sentences, list) or not all(isinstance(sentence, dict) for sentence in sentences):
        raise DataError(f"{where}: 'sentences' must be a list of objects with the field 'raw'.")
    for number, sentence in enumerate(sentences):
        yield text_field(sentence, "raw", f"{where}.sentences[{number}]", default="" if "raw" in sentence else None)

"""The JSON of BLIP-style retrieval code: ``[{"image": ..., "caption": [...]}, ...]``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vlbench.errors import DataError
from vlbench_pairs.files import read_json, text_field
from vlbench_pairs.rows import Row


def read_retrieval(path: Path, split: str) -> Iterator[Row]:
    """One row per record. A record's own ``split`` goes before that of the file.

    ``caption`` is a list, or one text: then the records of an image are put together (train files have that form).

    Raises:
        DataError: the file is malformed.
    """
    content = read_json(path)
    if not isinstance(content, list):
        raise DataError(f"{path}: not a retrieval file, which is a list of objects with 'image' and 'caption'.")
    for index, record in enumerate(content):
        where = f"{path}, record {index}"
        if not isinstance(record, dict):
            raise DataError(f"{where}: expected an object with 'image' and 'caption', not {type(record).__name__}.")
        captions = record.get("caption", [])
        yield Row(
            image=text_field(record, "image", where),
            captions=_captions(captions, where),
            split=text_field(record, "split", where, default=split),
            where=where,
            partial=isinstance(captions, str),
        )


def _captions(value: Any, where: str) -> tuple[str, ...]:
    captions = [value] if isinstance(value, str) else value
    if not isinstance(captions, list) or not all(isinstance(caption, str) for caption in captions):
        raise DataError(f"{where}: 'caption' must be a text or a list of texts.")
    return tuple(captions)

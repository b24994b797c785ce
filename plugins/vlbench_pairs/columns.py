"""Which column or field holds the image, and which the captions; and the texts in a cell of any shape."""

from __future__ import annotations

import ast
import base64
import hashlib
import io
import json
import re
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from vlbench.errors import DataError
from vlbench_pairs.rows import AnnotationRow

IMAGE_SUFFIXES = (
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jp2", ".avif", ".heic", ".heif", ".jfif",
    ".ppm", ".pgm",
)  # fmt: skip
IMAGE_NAMES = (
    "image", "img", "file_name", "filename", "filepath", "file_path", "image_path", "img_path", "image_file",
    "image_name", "image_filename", "img_name", "path", "file", "photo", "picture", "jpg", "png", "webp", "name",
    "image_id", "img_id", "id", "key", "images",
)  # fmt: skip
CAPTION_NAMES = (
    "caption", "captions", "sentences", "sentence", "text", "texts", "txt", "raw", "comment", "comments", "plot",
    "description", "descriptions", "title", "report", "findings", "impression", "alt_text", "alt", "label_text",
    "prompt", "utterance", "suffix", "caption_str", "answer",
)  # fmt: skip
IN_STRUCT = ("raw", "caption", "captions", "text", "sentence", "sentences", "value", "txt", "content", "assistant")
"""Fields of a struct that are its caption."""
ANSWERING = ("gpt", "assistant", "model")
"""Who speaks in a conversation where it describes the image."""
_NAME = re.compile(r"\S*\d\S*")
_NUMBERED = re.compile(r"(caption|sentence|text|comment|description|raw)s?[ _-]?\d+", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """Which columns to read; empty where the usual names are looked for. ``sentences.raw`` is a field of a struct.

    Attributes:
        image: holds pictures, or names of image files.
        captions: hold a caption, a list of captions, or structs with a caption.
        guessed: is given one line for each column that was looked for and found.
        carried: is given the pictures that cells of text spell out: a name of each -> its base64.
    """

    image: str = ""
    captions: tuple[str, ...] = ()
    guessed: dict[str, str] = field(default_factory=dict, compare=False)
    carried: dict[str, str] = field(default_factory=dict, compare=False)

    def found(self, present: Sequence[str], where: str, sample: Sequence[Mapping[str, Any]] = ()) -> Columns:
        """These columns with what was empty looked up among ``present``, or by the values of some rows.

        Raises:
            DataError: a column is not there, or none is known.
        """
        image = self.image or _usual(IMAGE_NAMES, present) or _naming_files(present, sample)
        captions = self.captions or _caption_columns(present, sample, image)
        for option, wanted in (("image_column", [image]), ("caption_columns", captions)):
            for column in wanted or [""]:
                self._check(column, present, where, option)
        if not self.image:
            self.guessed["image_column"] = image
        if not self.captions:
            others = [name for name in _worded(present, sample) if name not in (image, *captions)]
            self.guessed["caption_columns"] = ", ".join(captions) + (f", not {', '.join(others)}" if others else "")
        return Columns(image, tuple(captions), carried=self.carried)

    @staticmethod
    def _check(column: str, present: Sequence[str], where: str, option: str) -> None:
        if column in present or column.split(".")[0] in present:
            return
        what = f"no column {column!r}" if column else f"no column of {option.split('_')[0]}s is known"
        if option == "caption_columns" and any(map(_asks, present)):
            what += " (a question is no caption)"
        raise DataError(
            f"{where}: {what}; its columns are {list(present)}. Name one with the option {option!r} (usual are "
            f"'image' and 'caption')."
        )


def usual_image_name(present: Iterable[str]) -> str:
    """The usual name of an image column that is present, or an empty text."""
    return _usual(IMAGE_NAMES, present)


def _usual(wanted: Sequence[str], present: Iterable[str]) -> str:
    known = {name.strip().lower().replace(" ", "_"): name for name in reversed(list(present))}
    return next((known[name] for name in wanted if name in known), "")


def _caption_columns(present: Sequence[str], sample: Sequence[Mapping[str, Any]], image: str) -> list[str]:
    numbered = [name for name in present if _NUMBERED.fullmatch(name.strip())]
    usual = _usual(CAPTION_NAMES, [name for name in present if name != image])
    return [usual] if usual else numbered or _longest(present, sample, image)


def _naming_files(present: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> str:
    """The first column whose values all end as image files do, or all are addresses or pictures as base64."""
    for is_one in (is_image_name, _is_address, spells_picture):
        for column in present:
            if sample and all(is_one(str(row.get(column))) for row in sample):
                return column
    whole = [[str(row.get(column)) for column in present] for row in sample]
    return present[0] if present[:1] == ["column 1"] and says_of_names(whole) else ""


def says_of_names(rows: Sequence[Sequence[str]]) -> bool:
    """Whether each row is a name with a digit and a text: no header, and names without suffix, as in ROCO."""
    words = sum(len(row[-1].split()) for row in rows)
    return words >= 2 * len(rows) > 0 and all(len(row) == 2 and _NAME.fullmatch(row[0].strip()) for row in rows)


def _is_address(value: str) -> bool:
    return value.strip().lower().startswith(("http://", "https://"))


def spells_picture(value: Any) -> bool:
    """Whether a text is the base64 of a JPEG, PNG, WebP or GIF, alone or after ``data:image/png;base64,``."""
    begins = ("/9j/", "iVBORw0KGgo", "UklGR", "R0lGOD")
    return isinstance(value, str) and len(value) > 60 and value[_data_head(value) :].startswith(begins)


def spelled_picture(value: str) -> bytes:
    """The picture whose base64 a text is. What is no base64 is a ``ValueError``."""
    return base64.b64decode(value[_data_head(value) :])


def _data_head(value: str) -> int:
    """Characters of ``data:image/png;base64,`` at the beginning of a text."""
    return value.find(",", 0, 60) + 1 if value.startswith("data:image/") else 0


def names_image(value: str) -> bool:
    """Whether a cell stands for an image, as no header does: a file, an address, or base64."""
    return is_image_name(value) or _is_address(value) or spells_picture(value)


def _longest(present: Sequence[str], sample: Sequence[Mapping[str, Any]], image: str) -> list[str]:
    """The column with the longest texts of several words, if there is one."""
    words = _words([column for column in present if column != image and not _asks(column)], sample)
    best = max(words, key=words.__getitem__, default="")
    return [best] if best and words[best] >= 2 else []


def _asks(column: str) -> bool:
    """Whether a column holds questions, or the answers of many to one."""
    return column.lower().startswith(("question", "answers"))


def _worded(present: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns whose cells are texts of several words."""
    texts = [name for name in present if all(isinstance(row.get(name) or "", str) for row in sample)]
    return [name for name, mean in _words(texts, sample).items() if mean >= 2]


def _words(columns: Sequence[str], sample: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Column -> mean number of words in its cells, as they are printed."""
    return {
        name: sum(len(str(row.get(name) or "").split()) for row in sample) / len(sample) for name in columns if sample
    }


def is_image_name(name: str) -> bool:
    """Whether a name ends as image files do."""
    return file_part(name.strip()).lower().endswith(IMAGE_SUFFIXES)


def file_part(name: str) -> str:
    """A name; of an address its path, without what follows ``?`` and ``#`` and with its characters spelled out."""
    return unquote(re.split(r"[?#]", name)[0]) if "://" in name else name


def cell(record: Mapping[str, Any], column: str) -> Any:
    """The value of a column, or of a field of its structs: ``sentences.raw``."""
    if column in record:
        return record[column]
    value: Any = record
    for part in column.split("."):
        value = [one.get(part) for one in value] if isinstance(value, list) else (value or {}).get(part)
    return value


def texts_of(value: Any, column: str, where: str) -> tuple[str, ...]:
    """Captions in a cell: a text, or a list or struct of texts, nested as it may be; none for an empty cell.

    Raises:
        DataError: it holds something else, or a struct whose caption is not known.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    if isinstance(value, Mapping):
        return _of_struct(value, column, where)
    if isinstance(value, list | tuple):
        return tuple(text for one in _answers(value) for text in texts_of(one, column, where))
    raise DataError(
        f"{where}: column {column!r} holds {type(value).__name__} ({str(value)[:40]}), expected a caption or a list "
        f"of captions. Name another column: option 'caption_columns'."
    )


def _answers(turns: Sequence[Any]) -> Sequence[Any]:
    """Of a conversation the answers alone: a question that was put to a model is no caption."""
    return [turn for turn in turns if _speaker(turn) in ANSWERING] if _is_conversation(turns) else turns


def _is_conversation(turns: Sequence[Any]) -> bool:
    return any(_speaker(turn) in ANSWERING for turn in turns)


def _speaker(turn: Any) -> str:
    return str(turn.get("from") or turn.get("role") or "") if isinstance(turn, Mapping) else ""


def with_picture_of_turns(record: Any) -> Any:
    """A record with the pictures that are named within the turns of its conversation, as a column ``image``.

    ``{"type": "image_url", "image_url": {"url": ...}}`` and ``{"type": "image", "image": ...}``.
    """
    turns = record.get("messages") if isinstance(record, Mapping) and not usual_image_name(record) else None
    if not isinstance(turns, list):
        return record
    said = [turn["content"] for turn in turns if isinstance(turn, Mapping) and isinstance(turn.get("content"), list)]
    shown = [
        part[part["type"]]
        for content in said
        for part in content
        if isinstance(part, Mapping) and part.get("type") in ("image", "image_url") and part["type"] in part
    ]
    return {"image": [one.get("url") if isinstance(one, Mapping) else one for one in shown], **record}


def _of_struct(value: Mapping[str, Any], column: str, where: str) -> tuple[str, ...]:
    texts = [name for name, inner in value.items() if isinstance(inner, str)]
    usual = _usual(IN_STRUCT, value)
    name = usual or (texts[0] if len(texts) == 1 else "")
    if not name:
        fields = ", ".join(f"{key}: {type(inner).__name__}" for key, inner in value.items())
        raise DataError(
            f"{where}: column {column!r} holds structs ({fields}), and which field is the caption is not known. "
            f'Name it: caption_columns = ["{column}.{next(iter(value), "FIELD")}"].'
        )
    return texts_of(value[name], f"{column}.{name}", where)


def listed_in_text(value: str) -> Any:
    """A text, or the list of texts that it spells out, as tables do that were written from lists."""
    if not (value.startswith(("['", '["')) and value.endswith(("']", '"]'))):
        return value
    for parse in (json.loads, _spelled):
        try:
            found = parse(value)
        except (ValueError, SyntaxError, RecursionError, MemoryError, tokenize.TokenError):
            continue
        if isinstance(found, list) and all(isinstance(one, str) for one in found):
            return found
    return value


def _spelled(value: str) -> Any:
    """A list as Python or NumPy spells it: where no comma stands between two texts, Python alone would join them."""
    found = ast.literal_eval(value)
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        return found
    tokens = tokenize.generate_tokens(io.StringIO(value).readline)
    return [ast.literal_eval(token.string) for token in tokens if token.type == tokenize.STRING]


def only(value: Any, column: str, where: str) -> Any:
    """A cell, or the one entry of a list.

    Raises:
        DataError: the list has several.
    """
    if not isinstance(value, list):
        return value
    if len(value) != 1:
        raise DataError(f"{where}: {column!r} holds {len(value)} images, expected one. Write a row for each.")
    return value[0]


def row_of(record: Mapping[str, Any], columns: Columns, split: str, where: str) -> AnnotationRow:
    """A row of a table whose image column names a file.

    Raises:
        DataError: the name is no text, or the captions are none.
    """
    name = only(cell(record, columns.image), columns.image, where)
    inside = name.get("bytes") if isinstance(name, Mapping) else name
    if isinstance(inside, str) and spells_picture(inside):
        own = hashlib.sha256(inside.encode()).hexdigest()[:16]  # rows of one picture are one image
        columns.carried[own] = inside
        return named_row(own, record, columns, split=split, where=where)
    if isinstance(name, Mapping):
        inner = _usual(IMAGE_NAMES, [key for key, value in name.items() if isinstance(value, str)])
        name = name.get(inner, name)
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name.strip():
        raise DataError(
            f"{where}: field {columns.image!r} is {name!r}, expected the name of an image file. Set the option "
            f"'image_column'."
        )
    return named_row(name.strip(), record, columns, split=split, where=where)


def named_row(name: str, record: Mapping[str, Any], columns: Columns, *, split: str, where: str) -> AnnotationRow:
    """A row of an image whose name is known. The record's own ``split`` goes before that of the file.

    Raises:
        DataError: the captions are none.
    """
    values = [cell(record, column) for column in columns.captions]
    texts = [texts_of(value, column, where) for value, column in zip(values, columns.captions, strict=True)]
    own = record.get("split")
    single = len(values) == 1 and (not isinstance(values[0], list | tuple) or _is_conversation(values[0]))
    captions = tuple(text for some in texts for text in some)
    return AnnotationRow(name, captions, own if isinstance(own, str) and own else split, where, partial=single)

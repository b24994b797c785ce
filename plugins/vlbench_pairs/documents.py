"""JSON: Karpathy's split files, COCO's own captions, the lists of retrieval code, mappings, and JSON lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from vlbench.errors import DataError
from vlbench_pairs.columns import Columns, is_image_name, row_of, texts_of, with_picture_of_turns
from vlbench_pairs.files import lines, parsed_json, text_field
from vlbench_pairs.rows import AnnotationRow, Skipped, each, is_split

MOCK = "mock"
"""Key of a file that ``vlbench data mock`` made."""
_OF_KARPATHY = ("filename", "sentences", "split")
SAMPLE = 50
"""Records that are looked at to see which fields there are."""


def kind_of(content: Any) -> str:
    """``karpathy``, ``coco`` or ``retrieval``, by the shape of parsed JSON."""
    if isinstance(content, dict) and isinstance(content.get("images"), list):
        if isinstance(content.get("annotations"), list):
            return "coco"
        first = content["images"][0] if content["images"] else {}
        return "retrieval" if isinstance(first, dict) and not first.keys() & {*_OF_KARPATHY} and first else "karpathy"
    return "retrieval"


def read_document(
    kind: str, content: Any, where: str, split: str, *, columns: Columns, skipped: Skipped
) -> Iterator[AnnotationRow]:
    """Rows of a JSON file, of one of the kinds of :func:`kind_of`.

    Raises:
        DataError: the file is malformed, or is of another kind.
    """
    if kind == "karpathy":
        if kind_of(content) != kind:
            raise DataError(f"{where}: not a Karpathy file, which is an object with a list 'images'.")
        entries = ((f"{where}, images[{index}]", record) for index, record in enumerate(content["images"]))
        return each(entries, _karpathy, skipped)
    if kind == "coco":
        if kind_of(content) != kind:
            raise DataError(f"{where}: not COCO's captions, an object with lists 'images' and 'annotations'.")
        return _coco(content, where, split, skipped)
    return _retrieval(content, where, split, columns=columns, skipped=skipped)


def _karpathy(record: Any, where: str) -> AnnotationRow:
    """One row per image. COCO's ``filepath`` is the folder of the image, ``restval`` is a part of train."""
    _object(record, where)
    folder = text_field(record, "filepath", where, default="")
    name = text_field(record, "filename", where)
    sentences = record.get("sentences", [])
    if not isinstance(sentences, list) or not all(isinstance(sentence, dict) for sentence in sentences):
        raise DataError(f"{where}: 'sentences' must be a list of objects with the field 'raw'.")
    captions = [
        text_field(sentence, "raw", f"{where}.sentences[{number}]", default="" if "raw" in sentence else None)
        for number, sentence in enumerate(sentences)
    ]
    image = f"{folder}/{name}" if folder else name
    return AnnotationRow(image=image, captions=tuple(captions), split=text_field(record, "split", where), where=where)


def _id_of(record: dict[str, Any], name: str, where: str) -> str | int | float | None:
    found = record.get(name)
    if isinstance(found, dict | list):
        raise DataError(f"{where}: field {name!r} is {str(found)[:80]}, not a number or a text.")
    return found


def _coco(content: dict[str, Any], where: str, split: str, skipped: Skipped) -> Iterator[AnnotationRow]:
    """COCO's own ``captions_train2014.json``: one row per caption, in the order of the images."""
    of_image: dict[Any, list[str]] = {}
    for index, record in enumerate(content["annotations"]):
        place = f"{where}, annotations[{index}]"
        _object(record, place)
        if "caption" not in record:
            raise DataError(f"{place}: no 'caption'. Give COCO's captions_*.json, not its instances or keypoints.")
        image = _id_of(record, "image_id", place)
        of_image.setdefault(image, []).append(text_field(record, "caption", place, default=""))

    def parse(record: Any, place: str) -> AnnotationRow:
        _object(record, place)
        captions = of_image.pop(_id_of(record, "id", place), [])
        return AnnotationRow(text_field(record, "file_name", place), tuple(captions), split, place)

    yield from each(((f"{where}, images[{i}]", record) for i, record in enumerate(content["images"])), parse, skipped)
    for image in of_image:
        skipped.add(f"{image}", f"{where}: captions of image id {image!r}, which is not among 'images'. Add it.")


def _retrieval(content: Any, where: str, split: str, *, columns: Columns, skipped: Skipped) -> Iterator[AnnotationRow]:
    """``[{"image": ..., "caption": [...]}, ...]`` under any field names, or ``{"name.jpg": [...], ...}``.

    ``caption`` is a list, or one text: then the records of an image are put together (train files have that form).
    Objects may stand under names of splits, or each under a name of its own, which is a field ``key`` then.
    """
    if isinstance(content, dict) and content and all(is_image_name(name) for name in content):
        yield from each(
            ((f"{where}, {name!r}", (name, value)) for name, value in content.items()),
            lambda entry, place: AnnotationRow(entry[0], texts_of(entry[1], entry[0], place), split, place),
            skipped,
        )
        return
    if isinstance(content, dict) and content and all(map(is_split, content)):
        for name, inner in content.items():
            yield from _retrieval(inner, f"{where}, {name}", name, columns=columns, skipped=skipped)
        return
    content = _by_rows(content)
    if isinstance(content, dict) and content and all(isinstance(value, dict) for value in content.values()):
        content = [{"key": name, **value} for name, value in content.items()]
    lists = [value for value in content.values() if isinstance(value, list)] if isinstance(content, dict) else []
    records = lists[0] if len(lists) == 1 else content
    if not isinstance(records, list):
        raise DataError(f"{where}: not a retrieval file, which is a list of objects with 'image' and 'caption'.")
    entries = [(f"{where}, record {index}", record) for index, record in enumerate(records)]
    yield from _objects(entries, where, split, columns=columns, skipped=skipped)


def _by_rows(content: Any) -> Any:
    """A table that pandas wrote by columns (``to_json()``) or split (``orient="split"``), as a list of its rows."""
    if not isinstance(content, dict):
        return content
    names, rows = content.get("columns"), content.get("data")
    if isinstance(names, list) and isinstance(rows, list) and all(isinstance(row, list) for row in rows):
        return [dict(zip(names, row, strict=False)) for row in rows]
    columns = list(content.values())
    if len(columns) < 2 or not all(isinstance(one, dict) and one.keys() == columns[0].keys() for one in columns):
        return content
    if not columns[0] or not all(number.isdigit() for number in columns[0]):
        return content
    return [{name: column[number] for name, column in content.items()} for number in columns[0]]


def read_lines(text: str, where: str, split: str, *, columns: Columns, skipped: Skipped) -> Iterator[AnnotationRow]:
    """JSON lines: an object a line.

    Raises:
        DataError: a line is no JSON object, or no column is known.
    """
    entries: list[tuple[str, Any]] = []
    for number, line in enumerate(lines(text), start=1):
        place = f"{where}, line {number}"
        if line.strip():
            try:
                entries.append((place, parsed_json(line, place)))
            except DataError as error:
                skipped.add(place, error)
    return _objects(entries, where, split, columns=columns, skipped=skipped)


def _objects(
    entries: list[tuple[str, Any]], where: str, split: str, *, columns: Columns, skipped: Skipped
) -> Iterator[AnnotationRow]:
    entries = [(place, with_picture_of_turns(record)) for place, record in entries]
    first = [record for _, record in islice(entries, SAMPLE) if isinstance(record, dict)]
    present = list(dict.fromkeys(name for record in first for name in record))
    if entries and not first:
        _object(entries[0][1], entries[0][0])
    found = columns.found(present, where, first) if entries else columns

    def parse(record: Any, place: str) -> AnnotationRow:
        _object(record, place)
        return row_of(record, found, split, place)

    return each(entries, parse, skipped)


def _object(record: Any, where: str) -> None:
    if not isinstance(record, Mapping):
        raise DataError(f"{where}: expected an object with 'image' and 'caption', not {type(record).__name__}.")

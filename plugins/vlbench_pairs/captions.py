"""Caption files of one line per caption: Flickr's token files, CSV files, and the lists that split them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from vlbench.errors import DataError
from vlbench_pairs.files import read_text
from vlbench_pairs.rows import Row, split_of

TOKEN_LINE = re.compile(r"(?P<image>[^\t]+)#(?P<number>\d+)\t(?P<caption>.*)")


def read_token(path: Path, split: str) -> Iterator[Row]:
    """``Flickr8k.token.txt`` and ``results_20130124.token``: ``name.jpg#0<TAB>caption``, one row per caption.

    Raises:
        DataError: a line has another form, or comes twice.
    """
    seen: set[tuple[str, str]] = set()
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        where = f"{path}, line {number}"
        if not line.strip():
            continue
        match = TOKEN_LINE.fullmatch(line)
        if match is None:
            raise DataError(f"{where}: expected NAME#NUMBER, a tab and a caption, not {line[:60]!r}.")
        image, count = match["image"], match["number"]
        if (image, count) in seen:
            raise DataError(f"{where}: {image}#{count} comes a second time. Remove one of the lines.")
        seen.add((image, count))
        yield Row(image=image, captions=(match["caption"],), split=split, where=where, partial=True)


def read_csv(path: Path, split: str) -> Iterator[Row]:
    """CSV with the columns ``image`` and ``caption``, and ``split`` if there is one; one row per caption.

    Raises:
        DataError: a column is missing, or a row has another number of fields than the first line.
    """
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), strict=True)
    try:
        columns = reader.fieldnames or []
        if not {"image", "caption"} <= set(columns):
            raise DataError(f"{path}: columns {list(columns)}; the first line must name 'image' and 'caption'.")
        for fields in reader:
            where = f"{path}, line {reader.line_num}"
            if None in fields or None in fields.values():
                raise DataError(f"{where}: expected {len(columns)} fields. Put captions with a comma in quotes.")
            own = fields.get("split") or split
            yield Row(image=fields["image"], captions=(fields["caption"],), split=own, where=where, partial=True)
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: malformed CSV ({error}).") from error


def apply_lists(rows: Iterable[Row], lists: Sequence[tuple[Path, str]]) -> Iterator[Row]:
    """Rows whose image is on a list, with that list's split; images on no list are left out.

    A list has one image name per line, with or without suffix.

    Raises:
        DataError: a list's split is unknown, an image is on two lists, or a listed image has no caption.
    """
    listed: dict[str, tuple[str, str]] = {}
    for path, word in lists:
        split = split_of(word, str(path)) if word else ""
        if not split:
            raise DataError(f"{path}: which split is this list for? Write train={path.name}, val=... or test=...")
        for number, line in enumerate(read_text(path).splitlines(), start=1):
            name, where = line.strip(), f"{path}, line {number}"
            if name and listed.setdefault(name, (split, where))[0] != split:
                raise DataError(f"{where}: image {name!r} is in two splits; also in {listed[name][1]}. Keep one.")
    used: set[str] = set()
    for row in rows:
        name = row.image if row.image in listed else row.image.rpartition(".")[0]
        if name in listed:
            used.add(name)
            yield replace(row, split=listed[name][0])
    for name, (_, where) in listed.items():
        if name not in used:
            raise DataError(f"{where}: image {name!r} has no captions. Add one, or take it off the list.")

"""Flickr's token files, and the lists that split an annotation file by image names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from vlbench.errors import DataError
from vlbench_pairs.files import lines, nfc, read_text
from vlbench_pairs.rows import AnnotationRow, Skipped, each, split_of

TOKEN_LINE = re.compile(r"(?P<image>[^\t]+)#(?P<number>\d+)\t(?P<caption>.*)", re.DOTALL)


def read_token(text: str, where: str, split: str, skipped: Skipped) -> Iterator[AnnotationRow]:
    """``Flickr8k.token.txt`` and ``results_20130124.token``: ``name.jpg#0<TAB>caption``, one row per caption.

    Raises:
        DataError: a line has another form, or comes twice.
    """
    seen: set[tuple[str, str]] = set()

    def parse(line: str, place: str) -> AnnotationRow | None:
        if not line.strip():
            return None
        match = TOKEN_LINE.fullmatch(line)
        if match is None:
            raise DataError(f"{place}: expected NAME#NUMBER, a tab and a caption, not {line[:60]!r}.")
        image, count = match["image"], match["number"]
        if (image, count) in seen:
            raise DataError(f"{place}: {image}#{count} comes a second time. Remove one of the lines.")
        seen.add((image, count))
        return AnnotationRow(image=image, captions=(match["caption"],), split=split, where=place, partial=True)

    numbered = ((f"{where}, line {number}", line) for number, line in enumerate(lines(text), start=1))
    yield from each(numbered, parse, skipped)


def apply_lists(
    rows: Iterable[AnnotationRow], lists: Sequence[tuple[Path, str]], skipped: Skipped
) -> Iterator[AnnotationRow]:
    """Rows whose image is on a list, with that list's split; images on no list are left out.

    A list has one image name per line, with or without suffix.

    Raises:
        DataError: a list's split is unknown, an image is on two lists, or a listed image has no caption.
    """
    listed = _read_lists(lists)
    used: set[str] = set()
    for row in rows:
        whole = nfc(row.image)
        name = whole if whole in listed else whole.rpartition(".")[0]
        if name in listed:
            used.add(name)
            yield replace(row, split=listed[name][0])
    for name, (_, where) in listed.items():
        if name not in used:
            problem = f"{where}: image {name!r} has no captions. Add one, or take it off the list."
            skipped.add(name, problem)


def _read_lists(lists: Sequence[tuple[Path, str]]) -> dict[str, tuple[str, str]]:
    """Name -> its split, and the line that says so."""
    listed: dict[str, tuple[str, str]] = {}
    for path, word in lists:
        split = split_of(word, str(path)) if word else ""
        if not split:
            raise DataError(f"{path}: which split is this list for? Write train={path.name}, val=... or test=...")
        for number, line in enumerate(lines(read_text(path)), start=1):
            name, where = nfc(line.strip()), f"{path}, line {number}"
            if name and listed.setdefault(name, (split, where))[0] != split:
                raise DataError(f"{where}: image {name!r} is in two splits; also in {listed[name][1]}. Keep one.")
    return listed

"""Tables of text: CSV, TSV, and tables with pipes or semicolons, with any column names, or with none."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from vlbench.errors import DataError
from vlbench_pairs.columns import Columns, listed_in_text, names_image, row_of, says_of_names, usual_image_name
from vlbench_pairs.files import lines
from vlbench_pairs.rows import AnnotationRow, Skipped, each

SEPARATORS = {",": "commas", "\t": "tabs", "|": "pipes", ";": "semicolons"}
SAMPLE = 50
"""Lines that are looked at to see how a table is written."""
_JOINED = re.compile(r"\s*(\d+)\s+(\S.*)", re.DOTALL)


@dataclass(frozen=True)
class Dialect:
    """How a table is written.

    Attributes:
        separator: between fields.
        header: names of the columns; empty where the first line is a row.
    """

    separator: str
    header: tuple[str, ...]


def sniff(text: str) -> Dialect | None:
    """How a text is written as a table of an image column and others; None if it is no such table."""
    first = [line for line in lines(text[:200_000]) if line.strip()][:SAMPLE]
    best: tuple[tuple[bool, float, int], Dialect] | None = None
    for separator in SEPARATORS:
        try:
            rows = list(csv.reader(io.StringIO("\n".join(first)), delimiter=separator))
        except csv.Error:  # a field without end, say
            continue
        width = len(rows[0]) if rows else 0
        if width < 2:
            continue
        header = tuple(name.strip() for name in rows[0])
        named = any(names_image(value) for value in header) or (separator == "\t" and says_of_names(rows))
        likely = named or bool(usual_image_name(header)) or _names_files(rows[1:])
        alike = sum(len(row) == width for row in rows) / len(rows)
        rank = (likely, alike, width)
        if best is None or rank > best[0]:
            best = rank, Dialect(separator, () if named else header)
    return best[1] if best and best[0][0] else None


def _names_files(rows: Sequence[Sequence[str]]) -> bool:
    return bool(rows) and any(all(names_image(value) for value in column) for column in zip(*rows, strict=False))


def read_delimited(
    text: str, where: str, split: str, *, columns: Columns, skipped: Skipped, notes: list[str]
) -> Iterator[AnnotationRow]:
    """One row for each line of a table; a column ``split`` goes before the file's split.

    Raises:
        DataError: no column is known, or a line has another number of fields.
    """
    dialect = sniff(text) or _plain(text, where)
    table = _Table(text, where, dialect)
    sample = [dict(zip(table.header, fields, strict=False)) for _, fields in islice(table.rows(), SAMPLE)]
    found = columns.found(table.header, where, sample)

    def parse(fields: list[str], place: str) -> AnnotationRow:
        whole = table.whole(fields, place, found, notes)
        record = {name: _read(value.strip()) for name, value in zip(table.header, whole, strict=True)}
        return row_of(record, found, split, place)

    yield from each(_Table(text, where, dialect).rows(), parse, skipped)


def _read(value: str) -> Any:
    """A cell; one that was written from a missing value is empty."""
    return "" if value in ("nan", "NaN", "<NA>") else listed_in_text(value)


def _plain(text: str, where: str) -> Dialect:
    """Commas or tabs, where no column looks like images: the error that follows names the columns."""
    first = next((line for line in lines(text) if line.strip()), "")
    if not first:
        raise DataError(f"{where}: the file is empty. Give a table with an image and a caption column.")
    separator = max(SEPARATORS, key=first.count)
    try:
        header = next(csv.reader([first], delimiter=separator))
    except csv.Error as error:
        raise DataError(f"{where}, line 1: malformed CSV ({error}).") from error
    return Dialect(separator, tuple(name.strip() for name in header))


class _Table:
    """Lines of a table as fields."""

    def __init__(self, text: str, where: str, dialect: Dialect) -> None:
        self._where, self._dialect = where, dialect
        self._reader = csv.reader(io.StringIO(text, newline=""), delimiter=dialect.separator, strict=True)
        self.header = list(dialect.header)
        if dialect.header:
            next(self.rows(), None)
        else:
            width = len(next(csv.reader(io.StringIO(text, newline=""), delimiter=dialect.separator)))
            self.header = [f"column {number}" for number in range(1, width + 1)]

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """Place and fields of every line that is not blank."""
        while True:
            try:
                fields = next(self._reader, None)
            except csv.Error as error:
                place = f"{self._where}, line {self._reader.line_num}"
                raise DataError(f"{place}: malformed CSV ({error}).") from error
            if fields is None:
                return
            if any(field.strip() for field in fields):
                yield f"{self._where}, line {self._reader.line_num}", fields

    def whole(self, fields: list[str], place: str, columns: Columns, notes: list[str]) -> list[str]:
        """Fields of a line, as many as there are columns.

        One known defect is mended and noted: a missing separator between a number and the caption after it, as in
        Kaggle's Flickr30k.
        """
        if len(fields) == len(self.header):
            return fields
        match = _JOINED.fullmatch(fields[-1])
        if len(fields) == len(self.header) - 1 and match and self.header[-1] in columns.captions:
            notes.append(
                f"{place}: a separator is missing between {match[1]} and {match[2][:30]!r}; read as two fields"
            )
            return [*fields[:-1], match[1], match[2]]
        marks = SEPARATORS[self._dialect.separator]
        raise DataError(
            f"{place}: expected {len(self.header)} fields ({', '.join(self.header)}), found {len(fields)}. Fields are "
            f"told apart by {marks}; put a caption that has some in quotes, or leave the line out: skip_bad = true."
        )

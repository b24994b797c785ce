"""Pictures with their captions beside them: x.jpg and x.txt in a folder, a zip or the shards of webdataset."""

from __future__ import annotations

import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from vlbench.errors import DataError
from vlbench_pairs.columns import IMAGE_SUFFIXES, Columns, named_row
from vlbench_pairs.delimited import read_delimited
from vlbench_pairs.documents import read_lines
from vlbench_pairs.files import decoded, lines, parsed_json
from vlbench_pairs.rows import AnnotationRow, Skipped, split_of_path
from vlbench_pairs.side_folders import in_one
from vlbench_pairs.sources import FoundFiles, Member, archive_name, content_of, is_archive, members_of
from vlbench_pairs.tables import AskedTable, ParquetSource, read_table

PICTURES = (*(suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES), "img")
TEXTS = ("txt", "caption", "text", "cap")
METADATA = ("metadata.csv", "metadata.tsv", "metadata.jsonl", "metadata.parquet")
_NUMBERED = re.compile(r"\D*\d+\.[a-z]+")
"""Suffixes of captions of which a sample has several: KEY.0.txt, KEY.caption1.txt."""
_ENTITY = re.compile(r"\[/EN#\d+(?:/\w+)* ([^\]]*)\]")
Sample = dict[str, Member]
"""Suffix -> file, of the files that differ in it alone."""


class SampleReader:
    """Reads folders and archives in turn.

    Args:
        columns: fields of x.json, or names of metadata columns.
        skipped: what has no caption or no picture goes there.
        stack: closes archives.
        notes: is given one line for what a user may not expect.
        text_lines: whether a file x.txt is one caption (``whole``) or its lines are captions (``lines``); ``auto``
            takes lines where all files have the same number of them, two or more.
    """

    def __init__(
        self, columns: Columns, skipped: Skipped, stack: ExitStack, notes: list[str], *, text_lines: str = "auto"
    ) -> None:
        self._columns, self._skipped, self._stack = columns, skipped, stack
        self._notes, self._text_lines = notes, text_lines
        self._counts: Counter[int] = Counter()
        self._from_text: set[str] = set()

    def read(self, paths: Sequence[tuple[Path, str]], base: int = 0) -> FoundFiles:
        """Rows and pictures of folders and archives, each with its split.

        Raises:
            DataError: a folder or archive holds no pictures with captions.
        """
        result, labels = FoundFiles(), _labels([path for path, _ in paths])
        for order, (path, split) in enumerate(paths, start=base):
            members = list(members_of(path, order, self._stack, skipped=self._skipped))
            tables = [member for member in members if member.file.name.rpartition("/")[2] in METADATA]
            found = self._metadata(tables, members, split) if tables else self._beside(members, path, split)
            _label(found, labels[path] if is_archive(path) and len(paths) > 1 else "")
            result.add(found)
        result.rows = self._with_captions(result.rows)
        return result

    def _with_captions(self, rows: list[AnnotationRow]) -> list[AnnotationRow]:
        """Lines of text files as captions, or put together to one."""
        if max(self._counts, default=1) < 2:
            return rows
        alike = len(self._counts) == 1
        if self._text_lines == "lines" or (self._text_lines == "auto" and alike):
            if self._text_lines == "auto":
                self._notes.append(
                    f"every text file has {max(self._counts)} lines: each line is a caption; text_lines = 'whole' "
                    f"makes each file one"
                )
            return rows
        if self._text_lines == "auto":
            several = sum(count for number, count in self._counts.items() if number > 1)
            self._notes.append(
                f"{several} text files have several lines: each file is one caption; text_lines = 'lines' makes each "
                f"line one"
            )
        return [
            replace(row, captions=(" ".join(row.captions),)) if row.where in self._from_text else row for row in rows
        ]

    def _beside(self, members: Sequence[Member], path: Path, split: str) -> FoundFiles:
        samples = in_one(_grouped(members, shard=path.is_file() and not zipfile.is_zipfile(path)), str(path))
        _check_sides(samples, path)
        result = FoundFiles()
        for key, sample in samples.items():
            try:
                row, picture = self._row(key, sample, path, split)
            except DataError as error:
                self._skipped.add(f"{path}: {key}", error)
                continue
            if row and picture:
                result.rows.append(row)
                result.members.append(picture.named(row.image))
        return result

    def _row(self, key: str, sample: Sample, path: Path, split: str) -> tuple[AnnotationRow | None, Member | None]:
        picture, where = _picture(sample), f"{path}, {key}"
        kinds = _last(sample, TEXTS)
        texts = sample[kinds[0]] if kinds else None
        numbered = all(_NUMBERED.fullmatch(kind) for kind in kinds)
        if len(kinds) > 1 and not numbered:
            self._several(kinds)
        fields = next((sample[suffix] for suffix in _last(sample, ("json",))), None)
        if picture is None:
            if texts is None:
                return None, None  # a file that has nothing to do with captions
            raise DataError(f"{where}: a caption without a picture. Add the picture, or remove the text.")
        record = _json(fields) if fields else {}
        name = str(record["uid"]) if isinstance(record.get("uid"), str) and record["uid"] else picture.file.name
        own = split or _split_of_folder(key.rpartition("/")[0])
        if fields and (texts is None or self._columns.captions):
            columns = Columns("uid", self._columns.captions, self._columns.guessed).found(
                [*record, "uid"], where, [record]
            )
            return replace(named_row(name, record, columns, split=own, where=where), partial=False), picture
        if texts is None:
            raise DataError(f"{where}: no caption: expected x.txt or x.json beside the picture.")
        if numbered:
            return AnnotationRow(name, tuple(_text(sample[kind]) for kind in sorted(kinds)), own, where), picture
        found = [_plain(line.strip()) for line in lines(_text(texts)) if line.strip()]
        self._counts[len(found)] += bool(found)
        self._from_text.add(where)
        return AnnotationRow(name, tuple(found), own, where), picture

    def _several(self, kinds: Sequence[str]) -> None:
        note = f"captions are those of x.{kinds[0]}, not of x.{kinds[1]} beside it; remove the file that is none"
        if note not in self._notes:
            self._notes.append(note)

    def _metadata(self, tables: Sequence[Member], members: Sequence[Member], split: str) -> FoundFiles:
        """An imagefolder: each metadata file names pictures below its own folder."""
        result = FoundFiles()
        for number, table in enumerate(tables):
            folder = PurePosixPath(table.file.name).parent
            own = split or split_of_path(Path(table.file.name).parent, folders=2)
            for row in self._of_table(table, own, number, result):
                result.rows.append(replace(row, image=os.path.normpath(folder / row.image).replace(os.sep, "/")))
        result.members += [member for member in members if member not in tables]
        return result

    def _of_table(self, table: Member, split: str, number: int, result: FoundFiles) -> Iterator[AnnotationRow]:
        content, where = content_of(table), table.file.where
        if table.file.name.endswith(".parquet"):
            whole = AskedTable(ParquetSource(content, where), where, split, number, table.file.stamp)
            found = read_table(whole, columns=self._columns, skipped=self._skipped)
            result.members += found.members
            return iter(found.rows)
        text = decoded(content, where)
        if table.file.name.endswith(".jsonl"):
            return read_lines(text, where, split, columns=self._columns, skipped=self._skipped)
        return read_delimited(text, where, split, columns=self._columns, skipped=self._skipped, notes=self._notes)


def _plain(line: str) -> str:
    """A caption without the marks of Flickr30k Entities: ``[/EN#1/people Two men] walk``."""
    return _ENTITY.sub(r"\1", line) if "[/EN#" in line else line


def _grouped(members: Sequence[Member], *, shard: bool) -> dict[str, Sample]:
    """Files by their path without suffix.

    In a shard of webdataset, a suffix begins at the first dot of a file's name, unless that throws pictures together;
    elsewhere at the last one.
    """
    if shard:
        samples = _by_suffix(members, last=False)
        if not any(len(_last(sample, PICTURES)) > 1 and not set(sample) & {*PICTURES} for sample in samples.values()):
            return samples
    return _by_suffix(members, last=True)


def _by_suffix(members: Sequence[Member], *, last: bool) -> dict[str, Sample]:
    samples: dict[str, Sample] = {}
    for member in members:
        folder, slash, name = member.file.name.rpartition("/")
        if name.startswith("._"):  # what a Mac leaves in archives
            continue
        head, _, suffix = name.rpartition(".") if last else name.partition(".")
        if last and _is_picture(head.rpartition(".")[2]):  # x.jpg.txt
            head = head.rpartition(".")[0]
        if head:  # .DS_Store and the like have none
            samples.setdefault(f"{folder}{slash}{head}", {})[suffix.lower()] = member
    return samples


@cache
def _split_of_folder(folder: str) -> str:
    """The split that a folder inside tells, or the folders above it."""
    return split_of_path(Path(folder), folders=2) if folder else ""


def _check_sides(samples: Mapping[str, Sample], path: Path) -> None:
    """Raise where there are no pictures, or no captions at all."""
    if not any(_picture(sample) for sample in samples.values()):
        inner = next((f"{key}.zip" for key, one in samples.items() if "zip" in one), "")
        advice = f"Unpack {inner}, which is in it." if inner else "Give the annotation file, and this as 'images'."
        raise DataError(
            f"{path}: no picture with a caption beside it (x.jpg and x.txt or x.json), and no metadata.csv, .jsonl "
            f"or .parquet. {advice}"
        )
    if not any(_last(sample, (*TEXTS, "json")) for sample in samples.values()):
        raise DataError(
            f"{path}: pictures and no caption: expected x.txt or x.json beside x.jpg, or a table. Folders' names are "
            f"no captions. Name the file with the captions: vlbench init {path} --captions FILE."
        )


def _is_picture(suffix: str) -> bool:
    return suffix.lower() in PICTURES


def _last(sample: Sample, kinds: Sequence[str]) -> list[str]:
    """Suffixes of a sample that are, or end as, one of some kinds; the plain ones first."""
    plain = [kind for kind in kinds if kind in sample]
    return plain + [suffix for suffix in sample if "." in suffix and suffix.rpartition(".")[2] in kinds]


def _picture(sample: Sample) -> Member | None:
    return next((sample[suffix] for suffix in _last(sample, PICTURES)), None)


def _json(member: Member) -> dict[str, Any]:
    record = parsed_json(_text(member), member.file.where)
    if isinstance(record, list):
        return {"captions": record}
    if not isinstance(record, dict):
        raise DataError(f"{member.file.where}: expected an object, not {type(record).__name__}.")
    return record


def _text(member: Member) -> str:
    return decoded(content_of(member), member.file.where)


def _labels(paths: Sequence[Path]) -> dict[Path, str]:
    """Of each path, what tells it from the others: its path below their common folder, without suffix."""
    full = {path: archive_name(path) if is_archive(path) else path.absolute().as_posix() for path in paths}
    common = os.path.commonpath([str(Path(one).parent) for one in full.values()]) if full else ""
    return {path: os.path.relpath(one, common) for path, one in full.items()}


def _label(found: FoundFiles, label: str) -> None:
    """Put the archive's name before that of its pictures: two shards may hold the same names."""
    if not label:
        return
    own = {member.file.name for member in found.members}
    found.rows = [replace(row, image=_below(label, row.image)) if row.image in own else row for row in found.rows]
    found.members = [member.named(_below(label, member.file.name)) for member in found.members]


def _below(label: str, name: str) -> str:
    # 32 hexadecimal digits are a uid, which is one of its own everywhere.
    return name if len(name) == 32 and set(name) <= set("0123456789abcdef") else f"{label}/{name}"

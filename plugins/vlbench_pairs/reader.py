"""From a user's annotation and image files to a dataset of pairs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench import PairDataset, Split, fingerprint
from vlbench.data import EncodedImage, read_images
from vlbench.errors import DataError, OptionError
from vlbench_pairs.captions import apply_lists, read_token
from vlbench_pairs.columns import Columns, spelled_picture
from vlbench_pairs.counts import check_counts, keep_captions
from vlbench_pairs.delimited import read_delimited
from vlbench_pairs.documents import MOCK, read_document, read_lines
from vlbench_pairs.files import anchored, existing_paths, listed, read_json, read_text
from vlbench_pairs.forms import detect_format, files_in
from vlbench_pairs.options import PairsOptions
from vlbench_pairs.rows import (
    SPLITS,
    AnnotationRow,
    Fields,
    Records,
    Skipped,
    assemble,
    cleaner,
    split_of_path,
    split_paths,
)
from vlbench_pairs.samples import SampleReader
from vlbench_pairs.sources import FoundFiles, ImageIndex, Member, image_members
from vlbench_pairs.splits import draw_splits
from vlbench_pairs.tables import AskedTable, read_huggingface, read_table, source_of

if TYPE_CHECKING:
    from torch import Tensor

SIDES = ("image", "text")
_FOLDERS = re.compile(r"(?<!\S)\S*/")  # tried at the start of a word alone: a word of a megabyte takes no minute
NAMED = 5
"""Of what was left out, how many are named in a note."""


@dataclass
class Reading:
    """What is read in one go.

    Attributes:
        options: of the dataset, their paths anchored.
        stack: closes archives.
        columns: to read; remembers what was guessed.
        skipped: what is left out.
        notes: what a user should hear.
        mock: a file says of itself that it is one.
        kinds: the forms that were met.
        members: images that annotations carry.
        absent: names of images that are not there.
    """

    options: PairsOptions
    stack: ExitStack
    columns: Columns
    skipped: Skipped
    notes: list[str] = field(default_factory=list)
    mock: bool = False
    kinds: list[str] = field(default_factory=list)
    members: list[Member] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, options: PairsOptions, stack: ExitStack) -> Reading:
        """Of some options."""
        columns = Columns(options.image_column, tuple(listed(options.caption_columns)))
        return cls(anchored(options), stack, columns, Skipped(options.skip_bad))


def load(options: PairsOptions, store: Path) -> PairDataset:
    """Photographs and captions as pairs of the sides ``image`` and ``text``.

    Images are uint8 [image, 3, size, size], memory-mapped; decoded at the first call and kept in ``store``.

    Raises:
        DataError: a file is missing or broken, or the files contradict one another; the message names the file.
        OptionError: an option has a value that is not allowed.
    """
    if options.size < 1:
        raise OptionError(f"size = {options.size}: expected pixels, 1 or more.")
    with ExitStack() as stack:
        reading = Reading.of(options, stack)
        records, files = read_records(reading)
        keep_captions(records, options.captions)
        splits = {split: _split(found, files, reading, store) for split, found in records.items()}
    mark = _marked(fingerprint(SIDES, splits), reading.skipped)
    notes = (*reading.notes, *_left_out(reading.skipped, store / f"skipped-{mark[:12]}.txt"))
    return PairDataset("pairs", SIDES, splits, mark, mock=reading.mock, notes=notes)


def read_records(reading: Reading) -> tuple[Records, dict[str, EncodedImage]]:
    """Images with their captions of ``train``, ``val`` and ``test``, and the file of each; nothing is decoded.

    Raises:
        DataError: a file is missing or broken, or the files contradict one another.
    """
    options = reading.options
    records = assemble(read_rows(reading), cleaner(options.clean), reading.skipped)
    if options.expect and not reading.mock:
        check_counts(records, options.expect)
    # Every file is looked up before the first is decoded: what is missing is told at once.
    files = _find_files(records, reading)
    note = draw_splits(records, files, options.split_seed, mended=not listed(options.splits))
    if note:
        reading.notes.append(note)
    return {split: records[split] for split in SPLITS}, files


def read_rows(reading: Reading) -> Iterable[AnnotationRow]:
    """Rows of all annotation files.

    Raises:
        DataError: a file is missing, broken or of an unknown format.
    """
    options = reading.options
    if not listed(options.annotations):
        raise DataError("annotations: no file given. Set the option 'annotations'.")
    rows: list[AnnotationRow] = []
    order = 0
    for kind, group in groupby(_files(options), key=lambda file: file[0]):
        reading.kinds.append(kind)
        files = [(path, split) for _, path, split in group]
        found = _READERS[kind](reading, files, order)
        order += len(files)
        rows += found.rows
        reading.members += found.members
    lists = split_paths(options.splits, "splits")
    return apply_lists(rows, lists, reading.skipped) if lists else rows


def _files(options: PairsOptions) -> Iterator[tuple[str, Path, str]]:
    """Form, path and split of every file that is read."""
    if options.format == "huggingface":
        yield from (("huggingface", Path(name), "") for name in listed(options.annotations))
        return
    try:
        paths = split_paths(options.annotations, "annotations")
    except DataError as error:
        raise DataError(f"{error} For a dataset on the Hugging Face hub, set format = 'huggingface'.") from error
    for path, split in paths:
        kind = detect_format(path) if options.format == "auto" else options.format
        for file in files_in(path, kind):
            yield kind, file, split or (split_of_path(file, folders=2) if file != path else "")


def _samples(reading: Reading, files: list[tuple[Path, str]], order: int) -> FoundFiles:
    text_lines = reading.options.text_lines
    reader = SampleReader(reading.columns, reading.skipped, reading.stack, reading.notes, text_lines=text_lines)
    return reader.read(files, order)


def _parquet(reading: Reading, files: list[tuple[Path, str]], order: int) -> FoundFiles:
    result = FoundFiles()
    for number, (path, split) in enumerate(files, start=order):
        status = path.stat()
        stamp = f"{status.st_size}/{status.st_mtime_ns}"
        table = AskedTable(source_of(path), str(path), split, number, stamp)
        found = read_table(table, columns=reading.columns, skipped=reading.skipped)
        result.add(found, path.stem)
    return result


def _huggingface(reading: Reading, files: list[tuple[Path, str]], _order: int) -> FoundFiles:
    result = FoundFiles()
    for path, _ in files:
        result.add(read_huggingface(str(path), columns=reading.columns, skipped=reading.skipped), str(path))
    return result


def _json(reading: Reading, path: Path, split: str, *, kind: str) -> Iterator[AnnotationRow]:
    content = read_json(path)
    reading.mock |= kind == "karpathy" and isinstance(content, dict) and MOCK in content
    where = str(path)
    return read_document(kind, content, where, split, columns=reading.columns, skipped=reading.skipped)


def _each(
    read: Callable[[Reading, Path, str], Iterable[AnnotationRow]],
) -> Callable[[Reading, list[Any], int], FoundFiles]:
    """A reader of files that name their images, or spell them out, for several of them."""

    def read_all(reading: Reading, files: list[tuple[Path, str]], order: int) -> FoundFiles:
        rows = [row for path, split in files for row in read(reading, path, split)]
        spelled = [_spelled(name, text, str(files[0][0]), order) for name, text in reading.columns.carried.items()]
        reading.columns.carried.clear()
        return FoundFiles(rows, spelled)

    return read_all


def _spelled(name: str, text: str, where: str, order: int) -> Member:
    """A picture that a cell of a table holds as base64; its name is its content."""
    return Member(name, EncodedImage(name, f"{where}, {name}", name, partial(spelled_picture, text), (order, 0)))


_READERS: dict[str, Callable[[Reading, list[tuple[Path, str]], int], FoundFiles]] = {
    "karpathy": _each(lambda reading, path, split: _json(reading, path, split, kind="karpathy")),
    "coco": _each(lambda reading, path, split: _json(reading, path, split, kind="coco")),
    "retrieval": _each(lambda reading, path, split: _json(reading, path, split, kind="retrieval")),
    "jsonl": _each(
        lambda reading, path, split: read_lines(
            read_text(path), str(path), split, columns=reading.columns, skipped=reading.skipped
        )
    ),
    "token": _each(lambda reading, path, split: read_token(read_text(path), str(path), split, reading.skipped)),
    "csv": _each(
        lambda reading, path, split: read_delimited(
            read_text(path), str(path), split, columns=reading.columns, skipped=reading.skipped, notes=reading.notes
        )
    ),
    "folder": _samples,
    "webdataset": _samples,
    "parquet": _parquet,
    "huggingface": _huggingface,
}


def _find_files(records: Records, reading: Reading) -> dict[str, EncodedImage]:
    """File of every image; images without one are left out or are an error."""
    everything = [record for found in records.values() for record in found]
    index = _index(reading)
    index.align([record.image for record in everything])
    places = [(record, index.find(record.image, record.where)) for record in everything]
    files = {record.image: file for record, file in places if file is not None}
    absent = [record for record, file in places if file is None]
    if absent and not (reading.skipped.allowed and files):
        raise index.missing(absent, len(everything))
    reading.absent += [record.image for record in absent]
    for record in absent:
        reading.skipped.add(record.image, f"{record.where}: no such file")
    _check_owners([(record, file) for record, file in places if file is not None])
    for split, found in records.items():
        records[split] = [record for record in found if record.image in files]
    return files


def _check_owners(places: Iterable[tuple[Fields, EncodedImage]]) -> None:
    """Refuse two names of one file: it could be in train and in test."""
    owners: dict[str, Fields] = {}
    for record, file in places:
        owner = owners.setdefault(file.where, record)
        if owner is not record:
            raise DataError(
                f"{record.where}: image {record.image!r} is the same file as {owner.image!r} of {owner.where}: "
                f"{file.where}. Remove one of the records."
            )


def _index(reading: Reading) -> ImageIndex:
    images = listed(reading.options.images)
    if reading.members and not images:
        return ImageIndex(reading.members, "the dataset itself")
    if not images:  # beside the annotations
        paths = [path for path, _ in split_paths(reading.options.annotations, "images")]
        images = list(dict.fromkeys(str(path if path.is_dir() else path.parent) for path in paths))
    paths = existing_paths(images, "images")
    described = str(paths[0]) if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"
    return ImageIndex(image_members(images, reading.stack, reading.skipped), described)


def _split(records: list[Fields], files: dict[str, EncodedImage], reading: Reading, store: Path) -> Split:
    asked = [files[record.image] for record in records]
    read = read_images(asked, reading.options.size, store, skip_bad=reading.skipped.allowed)
    for index, why in read.bad.items():
        reading.skipped.add(records[index].image, why)
    return _as_split([record for index, record in enumerate(records) if index not in read.bad], read.pixels)


def _as_split(records: list[Fields], images: Tensor) -> Split:
    import torch

    pairs = [(image, text) for image, record in enumerate(records) for text in record.captions]
    positions = [(image, position) for position, (image, _) in enumerate(pairs)]
    return Split(
        items={"image": images, "text": [text for _, text in pairs]},
        pairs=torch.tensor(positions, dtype=torch.long),
        names={"image": [record.image for record in records]},
    )


def _marked(content: str, skipped: Skipped) -> str:
    """The fingerprint; what was left out is a part of it."""
    if not skipped.entries:
        return content
    names = "\n".join(sorted(_FOLDERS.sub("", what) for what in skipped.entries))
    return hashlib.sha256(f"{content}\nskipped\n{names}".encode("utf-8", "surrogatepass")).hexdigest()


def _left_out(skipped: Skipped, path: Path) -> list[str]:
    """A note of what was left out, whose list is written."""
    if not skipped.entries:
        return []
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{what}\t{' '.join(why.split())}\n" for what, why in skipped.entries.items()]
    path.write_text("".join(lines), encoding="utf-8", errors="surrogateescape")
    some = ", ".join(list(skipped.entries)[:NAMED]) + (", ..." if len(skipped.entries) > NAMED else "")
    return [f"left out, as skip_bad asks: {len(skipped.entries)} ({some}); all of them, with reasons: {path}"]

"""From a user's annotation and image files to a data set of pairs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vlbench import PairDataset, Split, fingerprint
from vlbench.data import EncodedImage, cached_images
from vlbench.errors import DataError, OptionError
from vlbench_pairs.captions import TOKEN_LINE, apply_lists, read_csv, read_token
from vlbench_pairs.counts import check_counts, keep_captions
from vlbench_pairs.files import anchored, listed, read_json, read_text, split_paths
from vlbench_pairs.huggingface import Columns, is_saved_dataset, read_huggingface
from vlbench_pairs.karpathy import is_karpathy, read_karpathy
from vlbench_pairs.options import PairsOptions
from vlbench_pairs.retrieval import read_retrieval
from vlbench_pairs.rows import Record, Row, assemble, cleaner
from vlbench_pairs.sources import ImageIndex, open_images

if TYPE_CHECKING:
    from torch import Tensor

SIDES = ("image", "text")


@dataclass
class Annotations:
    """All rows, and images where the annotations carry them."""

    rows: list[Row] = field(default_factory=list)
    images: list[EncodedImage] = field(default_factory=list)
    mock: bool = False


def load(options: PairsOptions, store: Path) -> PairDataset:
    """Photographs and captions as pairs of the sides ``image`` and ``text``.

    Images are uint8 [image, 3, size, size], memory-mapped; decoded at the first call and kept in ``store``.

    Raises:
        DataError: a file is missing or broken, or the files contradict one another; the message names the file.
        OptionError: an option has a value that is not allowed.
    """
    if options.size < 1:
        raise OptionError(f"size = {options.size}: expected pixels, 1 or more.")
    clean = cleaner(options.clean)
    options = anchored(options)
    annotations = read_annotations(options)
    records = assemble(annotations.rows, clean)
    if options.expect and not annotations.mock:
        check_counts(records, options.expect)
    keep_captions(records, options.captions)
    splits: dict[str, Split] = {}
    with _open_images(options, annotations) as index:
        # Every file is looked up before the first is decoded: what is missing is told at once.
        files = _find_files(records, index)
        for split, found in records.items():
            splits[split] = _split(found, cached_images(files[split], options.size, store))
    return PairDataset(
        name="pairs", sides=SIDES, splits=splits, fingerprint=fingerprint(SIDES, splits), mock=annotations.mock
    )


def read_annotations(options: PairsOptions) -> Annotations:
    """Rows of all annotation files.

    Raises:
        DataError: a file is missing, broken or of an unknown format.
    """
    if not listed(options.annotations):
        raise DataError("annotations: no file given. Set the option 'annotations'.")
    result = Annotations()
    for path, split in _files(options):
        kind = detect_format(path) if options.format == "auto" else options.format
        if kind == "huggingface":
            found = read_huggingface(str(path), Columns(options.image_column, tuple(options.caption_columns)))
            result.rows += found.rows
            result.images += found.images
        elif kind == "karpathy":
            rows, mock = read_karpathy(path)
            result.rows += rows
            result.mock |= mock
        else:
            result.rows += _read_file(path, kind, split)
    lists = split_paths(options.splits, "splits")
    if lists:
        result.rows = list(apply_lists(result.rows, lists))
    return result


def detect_format(path: Path) -> str:
    """The format of an annotation file or folder, by its content.

    Raises:
        DataError: it is none of the known ones.
    """
    if path.is_dir():
        if is_saved_dataset(path):
            return "huggingface"
        raise DataError(f"{path}: a folder that was not made by 'datasets' save_to_disk. Give the annotation file.")
    if path.suffix.lower() == ".json":
        return "karpathy" if is_karpathy(read_json(path)) else "retrieval"
    first = next((line for line in read_text(path).splitlines() if line.strip()), "")
    if TOKEN_LINE.fullmatch(first):
        return "token"
    if path.suffix.lower() == ".csv" or {"image", "caption"} <= {name.strip(' "') for name in first.split(",")}:
        return "csv"
    raise DataError(
        f"{path}: unknown format. Known: karpathy and retrieval (.json), token (NAME#0, tab, caption), csv (columns "
        f"image, caption), huggingface (a folder, or a name on the hub). Set the option 'format'."
    )


def _files(options: PairsOptions) -> list[tuple[Path, str]]:
    if options.format == "huggingface":
        return [(Path(name), "") for name in listed(options.annotations)]
    try:
        return split_paths(options.annotations, "annotations")
    except DataError as error:
        raise DataError(f"{error} For a data set on the Hugging Face hub, set format = 'huggingface'.") from error


def _read_file(path: Path, kind: str, split: str) -> Iterator[Row]:
    if kind == "retrieval":
        return read_retrieval(path, split)
    if kind == "token":
        return read_token(path, split)
    if kind == "csv":
        return read_csv(path, split)
    raise OptionError(f"format = {kind!r}: expected auto, karpathy, retrieval, token, csv or huggingface.")


@contextmanager
def _open_images(options: PairsOptions, annotations: Annotations) -> Iterator[ImageIndex]:
    if annotations.images and not listed(options.images):
        yield ImageIndex(iter(annotations.images), "the data set itself")
    else:
        with open_images(options.images) as index:
            yield index


def _find_files(records: dict[str, list[Record]], index: ImageIndex) -> dict[str, list[EncodedImage]]:
    files: dict[str, list[EncodedImage]] = {}
    owners: dict[str, Record] = {}
    for split, found in records.items():
        files[split] = [index.find(record.image, record.where) for record in found]
        for file, record in zip(files[split], found, strict=True):
            owner = owners.setdefault(file.where, record)
            if owner is not record:  # two names of one file: it could be in train and in test
                raise DataError(
                    f"{record.where}: image {record.image!r} is the same file as {owner.image!r} of {owner.where}: "
                    f"{file.where}. Remove one of the records."
                )
    return files


def _split(records: list[Record], images: Tensor) -> Split:
    import torch

    pairs = [(image, text) for image, record in enumerate(records) for text in record.captions]
    positions = [(image, position) for position, (image, _) in enumerate(pairs)]
    return Split(
        items={"image": images, "text": [text for _, text in pairs]},
        pairs=torch.tensor(positions, dtype=torch.long),
        names={"image": [record.image for record in records]},
    )

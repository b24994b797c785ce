"""Hugging Face ``datasets``: a folder made by ``save_to_disk``, or a data set's name on the hub."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from vlbench.data import EncodedImage
from vlbench.errors import DataError
from vlbench_pairs.rows import Row

IMAGE_COLUMNS = ("image", "img", "filename", "image_name")
CAPTION_COLUMNS = ("caption", "captions", "sentences", "sentence", "text", "raw")


@dataclass(frozen=True)
class Columns:
    """Which columns to read; empty where the usual names are looked for."""

    image: str = ""
    captions: tuple[str, ...] = ()


@dataclass
class HubRows:
    """Rows, and the images that the data set itself carries (none where it only names files)."""

    rows: list[Row] = field(default_factory=list)
    images: list[EncodedImage] = field(default_factory=list)


def is_saved_dataset(path: Path) -> bool:
    """Whether a folder was made by ``save_to_disk``."""
    return (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()


def read_huggingface(name: str, columns: Columns) -> HubRows:
    """Rows of all splits. A column ``split`` goes before the split's own name.

    Raises:
        DataError: the package ``datasets`` is not installed, there is no such data set, or a column is missing.
    """
    loaded = _load(name)
    result = HubRows()
    for order, (split, table) in enumerate(loaded.items()):
        _read_table(result, table, f"{name}/{split}" if split else name, order=order, split=split, columns=columns)
    return result


def _load(name: str) -> dict[str, Any]:
    try:
        import datasets
    except ImportError as error:
        raise DataError(
            f"{name}: reading Hugging Face data needs the package 'datasets'. Install it: pip install 'vlbench[hf]'"
        ) from error
    try:
        if Path(name).expanduser().exists():
            loaded = datasets.load_from_disk(str(Path(name).expanduser()))
        else:
            loaded = datasets.load_dataset(name)
    # The package and the hub client raise errors of many unrelated classes.
    except Exception as error:
        raise DataError(
            f"{name}: cannot be loaded by 'datasets' ({type(error).__name__}: {error}). Give a folder made by "
            f"save_to_disk, or the name of a data set on the hub; the hub needs a network."
        ) from error
    return dict(loaded) if isinstance(loaded, dict) else {"": loaded}


def _read_table(result: HubRows, table: Any, where: str, *, order: int, split: str, columns: Columns) -> None:
    import datasets

    image_column = _find([columns.image] if columns.image else IMAGE_COLUMNS, table.column_names, where, "image_column")
    caption_columns = columns.captions or (_find(CAPTION_COLUMNS, table.column_names, where, "caption_columns"),)
    for column in caption_columns:
        _find([column], table.column_names, where, "caption_columns")
    # Taken before the cast, which changes it: the same data keeps the same cached pixels.
    stamp = str(table._fingerprint)
    embedded = isinstance(table.features[image_column], datasets.Image)
    if embedded:
        table = table.cast_column(image_column, datasets.Image(decode=False))
    if table._indices is not None:
        table = table.flatten_indices()
    names = _names(table, image_column, embedded=embedded, prefix=split or "image", where=where)
    own_splits = table["split"] if "split" in table.column_names else [split] * len(table)
    texts = zip(*[list(table[column]) for column in caption_columns], strict=True)
    known: set[str] = set()
    for index, (name, own, values) in enumerate(zip(names, own_splits, texts, strict=True)):
        result.rows.append(_row(name, values, split=str(own), where=f"{where}, row {index}"))
        if embedded and name not in known:
            known.add(name)
            read = partial(_read_cell, table, image_column, index)
            stamped = f"{stamp}/{index}"
            place = f"{where}, row {index}"
            result.images.append(EncodedImage(name, where=place, stamp=stamped, read=read, position=(order, index)))


def _find(wanted: Iterable[str], present: Sequence[str], where: str, option: str) -> str:
    for column in wanted:
        if column in present:
            return column
    raise DataError(f"{where}: none of the columns {list(wanted)}; it has {list(present)}. Set the option {option!r}.")


def _names(table: Any, column: str, *, embedded: bool, prefix: str, where: str) -> list[str]:
    """A name for each row: the file name that the data gives, or the number of the row."""
    if not embedded:
        names = list(table[column])
        if not all(isinstance(name, str) and name for name in names):
            raise DataError(f"{where}: column {column!r} holds neither images nor file names. Set 'image_column'.")
        return names
    if "filename" in table.column_names:
        return [str(name) for name in table["filename"]]
    # Paths only, without reading the images' bytes into memory.
    chunks = table.data.column(column).chunks
    paths = [path for chunk in chunks for path in chunk.field("path").to_pylist()]
    digits = len(str(len(table)))
    return [PurePosixPath(path).name if path else f"{prefix}-{index:0{digits}d}" for index, path in enumerate(paths)]


def _row(name: str, values: Sequence[Any], *, split: str, where: str) -> Row:
    captions: list[str] = []
    for value in values:
        captions += [value] if isinstance(value, str) else list(value or [])
    if not all(isinstance(caption, str) for caption in captions):
        raise DataError(f"{where}: captions must be texts or lists of texts. Set the option 'caption_columns'.")
    partial_row = len(values) == 1 and isinstance(values[0], str)
    return Row(image=name, captions=tuple(captions), split=split, where=where, partial=partial_row)


def _read_cell(table: Any, column: str, index: int) -> bytes:
    cell = table[index][column]
    if cell is None:
        raise OSError("the cell is empty")
    content = cell["bytes"]
    return bytes(content) if content is not None else Path(cell["path"]).read_bytes()

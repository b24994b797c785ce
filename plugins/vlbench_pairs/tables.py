"""Tables of columns: parquet, arrow and feather files, folders of ``save_to_disk``, and datasets on the hub."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from vlbench.data import EncodedImage
from vlbench.errors import DataError
from vlbench_pairs.columns import Columns, named_row, only, row_of, spelled_picture, spells_picture, usual_image_name
from vlbench_pairs.rows import AnnotationRow, Skipped, each
from vlbench_pairs.sources import FoundFiles, Member

SAMPLE = 50
WHOLE = ("all", "full", "default", "data")
"""Names of a split that is no split."""
IDS = ("uid", "filename", "file_name", "key", "__key__")
"""Columns that name an embedded image, the first of them that there is."""


class TableSource(Protocol):
    """Rows of columns that are read when they are asked for."""

    def schema(self) -> Any:
        """Names and types of the columns."""

    def records(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Some columns (``image.path`` is a field of a struct) of all rows, in order."""

    def value(self, column: str, index: int) -> Any:
        """One cell."""


@contextlib.contextmanager
def _whole_parquet(where: str) -> Iterator[None]:
    """Within, what is raised on a damaged file names it; pages are looked at only when they are read."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError) as error:  # text that is no UTF-8 is a ValueError
        reason = " ".join(str(error).split())
        raise DataError(f"{where}: not a whole parquet file ({reason}). Get the file again.") from error


class ParquetSource:
    """A parquet file; one group of rows is in memory at a time."""

    def __init__(self, content: Path | bytes, where: str) -> None:
        from pyarrow import parquet

        self._where = where
        with _whole_parquet(where):
            self._file = parquet.ParquetFile(io.BytesIO(content) if isinstance(content, bytes) else content)
        sizes = [self._file.metadata.row_group(group).num_rows for group in range(self._file.num_row_groups)]
        self._ends = [sum(sizes[: group + 1]) for group in range(len(sizes))]
        self._group: tuple[int, str, Any] | None = None

    def schema(self) -> Any:
        """Of the file."""
        with _whole_parquet(self._where):
            return self._file.schema_arrow

    def records(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """In batches, as they are read."""
        batches = self._file.iter_batches(1024, columns=list(columns))
        while True:
            with _whole_parquet(self._where):
                batch = next(batches, None)
                records = batch.to_pylist() if batch is not None else None
            if records is None:
                return
            yield from records

    def value(self, column: str, index: int) -> Any:
        """From the group of rows that was read last, if it is in there."""
        group = next(number for number, end in enumerate(self._ends) if index < end)
        if self._group is None or self._group[:2] != (group, column):
            with _whole_parquet(self._where):
                self._group = group, column, self._file.read_row_group(group, columns=[column]).column(0)
        first = self._ends[group - 1] if group else 0
        with _whole_parquet(self._where):
            return self._group[2][index - first].as_py()


@dataclass
class ArrowSource:
    """A memory-mapped table of ``datasets``."""

    table: Any

    def schema(self) -> Any:
        """Of the table."""
        return self.table.schema

    def records(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """In batches."""
        whole = list(dict.fromkeys(column.split(".")[0] for column in columns if "." not in column))
        chosen = self.table.select(whole)
        for column in columns:
            if "." in column:
                name, _, inner = column.partition(".")
                paths = [chunk.field(inner) for chunk in self.table.column(name).chunks]
                chosen = chosen.append_column(column, _chunked(paths, self.table.schema.field(name).type, inner))
        for batch in chosen.to_batches(1024):
            for record in batch.to_pylist():
                yield {name: {"path": value} if name.endswith(".path") else value for name, value in record.items()}

    def value(self, column: str, index: int) -> Any:
        """One cell."""
        return self.table.column(column)[index].as_py()


def _chunked(chunks: list[Any], struct: Any, inner: str) -> Any:
    import pyarrow

    return pyarrow.chunked_array(chunks, type=struct.field(inner).type)


def source_of(path: Path) -> TableSource:
    """A parquet file, or an arrow or feather file, of which nothing is read before it is asked for.

    Raises:
        DataError: it is none, or damaged.
    """
    if path.suffix.lower() == ".parquet":
        return ParquetSource(path, str(path))
    import pyarrow
    from pyarrow import feather, ipc

    try:
        with path.open("rb") as file:
            whole = file.read(4) in (b"ARRO", b"FEA1")
        # The second as datasets writes it.
        table = (
            feather.read_table(path, memory_map=True)
            if whole
            else ipc.open_stream(pyarrow.memory_map(str(path))).read_all()
        )
        table.validate(full=True)  # offsets that point elsewhere would end the process when a cell is read
        return ArrowSource(table)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: not a whole arrow file ({reason}). Get the file again.") from error


@dataclass(frozen=True)
class AskedTable:
    """A table to read.

    Attributes:
        source: of the rows.
        where: what errors call it.
        split: of rows that have no column ``split``.
        order: tables of a lower order are read first.
        stamp: changes with the table's content.
    """

    source: TableSource
    where: str
    split: str
    order: int
    stamp: str


def read_table(table: AskedTable, *, columns: Columns, skipped: Skipped) -> FoundFiles:
    """Rows of a table, and its images where they are in it: bytes, or their base64.

    Args:
        table: where it is.
        columns: to read.
        skipped: rows without captions or images go there.
    """
    source, where = table.source, table.where
    schema = source.schema()
    embedded = [name for name in schema.names if _holds_pictures(schema.field(name).type)]
    others = [name for name in schema.names if name not in embedded and not _is_binary(schema.field(name).type)]
    image = columns.image or usual_image_name(embedded) or (embedded[0] if embedded else "")
    sample = list(islice(source.records(others), SAMPLE)) if others else []
    found = Columns(image or columns.image, columns.captions, columns.guessed).found(schema.names, where, sample)
    if not columns.image:
        columns.guessed["image_column"] = found.image
    wanted = _wanted(schema, found)
    if sample and all(spells_picture(record.get(found.image)) for record in sample):
        wanted = [name for name in wanted if name != found.image]
    elif found.image not in embedded:
        entries = ((f"{where}, row {index}", record) for index, record in enumerate(source.records(wanted)))
        return FoundFiles(list(each(entries, lambda record, place: row_of(record, found, table.split, place), skipped)))
    return _Embedded(table, found).read(wanted, skipped)


def _wanted(schema: Any, columns: Columns) -> list[str]:
    """What is read of every row: all but the pictures themselves."""
    image, names = columns.image, [column.split(".")[0] for column in columns.captions]
    names += [name for name in ("split", *IDS) if name in schema.names]
    kind = schema.field(image).type if image in schema.names else None
    if kind is not None and not _holds_pictures(kind):
        names.append(image)
    elif kind is not None and str(kind).startswith("struct") and any(inner.name == "path" for inner in kind):
        names.append(f"{image}.path")
    elif kind is None:
        names.append(image.split(".")[0])
    return list(dict.fromkeys(names))


def _is_binary(kind: Any) -> bool:
    from pyarrow import types

    return bool(types.is_binary(kind) or types.is_large_binary(kind))


def _holds_pictures(kind: Any) -> bool:
    """Bytes, or the struct of bytes and path that ``datasets`` stores images as, or a list of such."""
    from pyarrow import types

    if types.is_list(kind) or types.is_large_list(kind):
        kind = kind.value_type  # one picture in each row
        return bool(types.is_struct(kind)) and _holds_pictures(kind)
    return _is_binary(kind) or (types.is_struct(kind) and any(inner.name == "bytes" for inner in kind))


@dataclass
class _Embedded:
    """A table that holds its images."""

    table: AskedTable
    columns: Columns

    def read(self, wanted: list[str], skipped: Skipped) -> FoundFiles:
        records = list(self.table.source.records(wanted)) if wanted else []
        names = self._names(records)
        found, known = FoundFiles(), set()

        def parse(entry: tuple[int, dict[str, Any]], place: str) -> AnnotationRow:
            index, record = entry
            return named_row(names[index], record, self.columns, split=self.table.split, where=place)

        entries = [(f"{self.table.where}, row {index}", (index, record)) for index, record in enumerate(records)]
        found.rows = list(each(entries, parse, skipped))
        for index, name in enumerate(names):
            if name not in known:
                known.add(name)
                found.members.append(Member(name, self._file(name, index)))
        return found

    def _file(self, name: str, index: int) -> EncodedImage:
        place, read = f"{self.table.where}, row {index}", partial(self._read, index)
        return EncodedImage(name, place, f"{self.table.stamp}/{index}", read, position=(self.table.order, index))

    def _names(self, records: list[dict[str, Any]]) -> list[str]:
        """A name for each row's image: rows of one name are one image if they hold the same bytes.

        Rows without a name are one image if they hold the same bytes. Only what is in doubt is read.
        """
        given = [_given_name(record, self.columns.image) for record in records]
        counts: dict[str, int] = {}
        for name in given:
            counts[name] = counts.get(name, 0) + 1
        own = f"{self.table.split or 'image'}-{self.table.order}" if self.table.order else self.table.split or "image"
        digits, names = len(str(len(given))), list[str]()
        first: dict[tuple[str, str], str] = {}
        taken: set[str] = set()
        for index, name in enumerate(given):
            label = name or f"{own}-{index:0{digits}d}"
            if name and counts[name] == 1:
                names.append(label)
                continue
            content = name, self._digest(index)
            if name and name in taken and content not in first:
                label = f"{name}#{index}"  # another picture of the same name
            taken.add(name)
            names.append(first.setdefault(content, label))
        return names

    def _digest(self, index: int) -> str:
        try:
            return hashlib.sha256(self._read(index)).hexdigest()
        except OSError:
            return f"row {index}"

    def _read(self, index: int) -> bytes:
        cell = only(self.table.source.value(self.columns.image, index), self.columns.image, f"row {index}")
        if isinstance(cell, bytes):
            return cell
        if isinstance(cell, str):
            return spelled_picture(cell)
        if cell is None or (cell["bytes"] is None and not cell.get("path")):
            raise OSError("the cell is empty")
        content = cell["bytes"]
        return bytes(content) if content is not None else Path(cell["path"]).read_bytes()


def _given_name(record: dict[str, Any], image: str) -> str:
    for column in IDS:
        if isinstance(record.get(column), str | int) and str(record[column]):
            return str(record[column])
    cell = record.get(image) or record.get(f"{image}.path")
    path = cell.get("path") if isinstance(cell, dict) else None
    return str(path) if path else ""


def is_saved_dataset(path: Path) -> bool:
    """Whether a folder was made by ``save_to_disk``."""
    return (path / "dataset_dict.json").is_file() or (path / "state.json").is_file()


def read_huggingface(name: str, *, columns: Columns, skipped: Skipped) -> FoundFiles:
    """Rows of all splits of a dataset of ``datasets``. A column ``split`` goes before the split's own name.

    Args:
        name: a folder made by ``save_to_disk``, or a dataset's name on the hub.
        columns: to read.
        skipped: rows without captions go there.

    Raises:
        DataError: the package ``datasets`` is not installed, there is no such dataset, or a column is missing.
    """
    result = FoundFiles()
    for order, (split, table) in enumerate(_load(name).items()):
        # Taken before the rows are made flat, which changes it: the same data keeps the same cached pixels.
        stamp = str(table._fingerprint)
        flat = table.flatten_indices() if table._indices is not None else table
        where = f"{name}/{split}" if split else name
        own = "" if split in WHOLE else split
        whole = AskedTable(ArrowSource(flat.data.table), where, own, order, stamp)
        found = read_table(whole, columns=columns, skipped=skipped)
        result.add(found, split or f"table {order}")
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
            f"save_to_disk, or the name of a dataset on the hub; the hub needs a network."
        ) from error
    return dict(loaded) if isinstance(loaded, dict) else {"": loaded}

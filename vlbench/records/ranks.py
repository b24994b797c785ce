"""The rank of every query, stored next to the record as ``ranks.parquet``.

Columns: student, student_seed (its number in the run), direction, query, rank (1 is best, ties counted against the
model; 2147483647 for a query without a match), cluster (the test image, or other first-side item, of the query).
Rows stand in the order student, student_seed, direction, query.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.disk.sums import damage
from vlbench.errors import DataError
from vlbench.files import read_plain, write_whole

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[tuple[int, ...], numpy.dtype[Any]]

FILE_NAME = "ranks.parquet"
FIRST, LAST = 1, 10
"""A query is found for sure where every student ranks it first, and missed where none ranks it among the first ten."""
COLUMNS = ("student", "student_seed", "direction", "query", "rank", "cluster")


def write_ranks(folder: Path, ranks: Mapping[str, Sequence[Mapping[str, Any]]], clusters: Mapping[str, Any]) -> Path:
    """Write ``folder/ranks.parquet``, whole or not at all.

    Args:
        folder: of the record.
        ranks: student -> for each of its seeds, direction -> int [query], an array or a tensor.
        clusters: direction -> int [query], an array or a tensor.
    """
    import numpy
    import pyarrow
    from pyarrow import parquet

    parts: dict[str, list[Array]] = {name: [] for name in COLUMNS}
    students, directions = list(ranks), list(clusters)
    for number, student in enumerate(students):
        for seed, of_seed in enumerate(ranks[student]):
            for which, direction in enumerate(directions):
                count = len(of_seed[direction])
                values = (number, seed, which, numpy.arange(count), of_seed[direction], clusters[direction])
                for name, value in zip(COLUMNS, values, strict=True):
                    parts[name].append(numpy.broadcast_to(numpy.asarray(value, dtype=numpy.int32), count))
    columns = {name: numpy.concatenate(values) for name, values in parts.items()}
    table = pyarrow.table(
        {
            name: _column(values, {"student": students, "direction": directions}.get(name))
            for name, values in columns.items()
        }
    )
    file = io.BytesIO()
    parquet.write_table(
        table,
        file,
        compression="zstd",
        use_dictionary=["student", "student_seed", "direction", "rank"],
        column_encoding={"query": "DELTA_BINARY_PACKED", "cluster": "DELTA_BINARY_PACKED"},
    )
    path = folder / FILE_NAME
    write_whole(path, file.getvalue())
    return path


def _column(values: Array, names: Sequence[str] | None) -> Any:
    import pyarrow

    return pyarrow.array(values) if names is None else pyarrow.DictionaryArray.from_arrays(pyarrow.array(values), names)


Block = tuple[tuple[str, int, str], "Array", "Array"]
"""(student, student seed, direction), int32 [query] ranks, int32 [query] clusters."""


def read_ranks(folder: Path) -> list[Block] | None:
    """Ranks by student, student seed and direction, queries in the order of the file; None where none were stored.

    Raises:
        DataError: the file cannot be read, lacks a column, or names one student seed in two places.

    Examples:
        >>> import vlbench
        >>> (group,) = vlbench.leaderboard("runs").table.groups
        >>> (key, ranks, clusters), *_ = vlbench.board.read_ranks(group.ranked[0].records[0].folder)
        >>> key, ranks.shape == clusters.shape
        (('convnet', 0, 'image_to_text'), True)
    """
    path = folder / FILE_NAME
    if bad := damage(folder, FILE_NAME):
        raise DataError(f"{bad}. Run the command again.")
    if not path.exists() and not path.is_symlink():
        return None
    try:
        blocks = list(_blocks(path))
    except Exception as error:  # pyarrow has many ways to say that a file is damaged
        raise DataError(f"{str(path)!r} cannot be read as ranks ({error}). Run the command again.") from error
    if len({key for key, _, _ in blocks}) < len(blocks):
        raise DataError(f"{str(path)!r}: the ranks of one student seed stand in two places. Run the command again.")
    return blocks


def _blocks(path: Path) -> Iterator[Block]:
    import numpy
    import pyarrow
    from pyarrow import parquet

    # Without threads and read ahead: a board opens thousands of these small files.
    file = parquet.ParquetFile(pyarrow.BufferReader(read_plain(path)), pre_buffer=False)
    needed = [name for name in COLUMNS if name != "query"]
    table = file.read(columns=needed, use_threads=False).combine_chunks()
    _check_types(table)
    codes, names = {}, {}
    for name in ("student", "direction"):
        column = table[name].combine_chunks().dictionary_encode()
        codes[name], names[name] = numpy.from_dlpack(column.indices), column.dictionary.to_pylist()
    # Not by to_numpy, which imports pandas: half a second for a board.
    numbers = ("student_seed", "rank", "cluster")
    seeds, rank, cluster = (numpy.from_dlpack(table[name].combine_chunks()) for name in numbers)
    changed = (numpy.diff(codes["student"]) != 0) | (numpy.diff(codes["direction"]) != 0) | (numpy.diff(seeds) != 0)
    starts = [0, *(numpy.flatnonzero(changed) + 1)]
    for start, stop in zip(starts, [*starts[1:], len(rank)], strict=True):
        key = (
            names["student"][codes["student"][start]],
            int(seeds[start]),
            names["direction"][codes["direction"][start]],
        )
        yield key, rank[start:stop], cluster[start:stop]


def _check_types(table: Any) -> None:
    from pyarrow import types

    for name in ("student_seed", "rank", "cluster"):
        if not types.is_int32(table[name].type) or table[name].null_count:
            raise ValueError(f"{name} is {table[name].type} with {table[name].null_count} missing, not int32")
    for name in ("student", "direction"):
        kind = table[name].type
        if not types.is_string(kind.value_type if types.is_dictionary(kind) else kind) or table[name].null_count:
            raise ValueError(f"{name} is {kind} with {table[name].null_count} missing, not text")


def found_and_missed(ranks: Array) -> tuple[list[int], list[int]]:
    """Queries that every student ranked first, and those that none ranked among the first ten; int [student, query].

    Examples:
        >>> import numpy, vlbench
        >>> vlbench.board.found_and_missed(numpy.array([[1, 1, 40], [1, 2, 11]]))
        ([0], [2])
    """
    import numpy

    return numpy.flatnonzero(ranks.max(0) <= FIRST).tolist(), numpy.flatnonzero(ranks.min(0) > LAST).tolist()

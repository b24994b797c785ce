"""Reading files of strangers: every size is known before anything is allocated, and nothing is unpickled.

Each reader raises DataError, with the file's name, for what a file of that kind written by vlbench never holds.
"""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any, NoReturn

from vlbench.errors import DataError

DEEPEST = 24
"""Nesting of JSON."""
TENSOR_HEADER = 1 << 20
"""Bytes of the header of a safetensors file."""
MOST_TENSORS = 64
MOST_RANKS = 20_000_000
"""Rows of a table of ranks: COCO's test split under ten students of ten seeds has 3 million."""
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")


def refuse(name: str, reason: str) -> NoReturn:
    """Raise the error for a file that is not what it should be."""
    raise DataError(f"{name} is refused: {reason}.")


def parse_json(content: bytes, name: str) -> Any:
    """JSON without NaN, infinity, deep nesting, keys that occur twice, or text that is no Unicode."""
    try:
        text = content.decode("utf-8")
        _check_depth(text, name)
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique_keys)
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        refuse(name, f"no JSON of ours ({str(error)[:200]})")
    return value


def _check_depth(text: str, name: str) -> None:
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > DEEPEST:
            refuse(name, f"it is nested deeper than {DEEPEST} levels")


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"it holds {text}")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not finite")
    return number


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key occurs twice")
    return table


def check_safetensors(path: Path) -> None:
    """Check the header before a library reads the file; the library checks offsets and shapes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= min(TENSOR_HEADER, size - 8):
            refuse(path.name, f"its header is {length} bytes. Allowed: 2 to {TENSOR_HEADER}, inside the file")
        header = parse_json(file.read(length), f"the header of {path.name}")
    if not isinstance(header, dict) or not 1 <= len(header) <= MOST_TENSORS:
        refuse(path.name, f"it does not hold 1 to {MOST_TENSORS} tensors")


def check_pictures(path: Path) -> None:
    """Check that a ``.npy`` file holds uint8 [pair, channel, height, width] and nothing else."""
    import numpy as np

    with path.open("rb") as file:
        try:
            if np.lib.format.read_magic(file) != (1, 0):
                refuse(path.name, "it is of another version of the format")
            shape, fortran, kind = np.lib.format.read_array_header_1_0(file)
        except DataError:
            raise
        except Exception as error:  # numpy gives the header to Python's tokenizer and parser
            refuse(path.name, f"no array of ours ({str(error)[:100]})")
        rest = path.stat().st_size - file.tell()
    if kind != np.uint8 or fortran or len(shape) != 4 or math.prod(shape) != rest:
        refuse(path.name, "it does not hold pictures of 8 bit and nothing else")


def check_table(path: Path, columns: tuple[str, ...]) -> None:
    """Check what a parquet file says of its size and form, and that it says the same everywhere, before it is read."""
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path, thrift_string_size_limit=1 << 20, thrift_container_size_limit=1 << 16) as file:
            about, types = file.metadata, file.schema_arrow
    except (ArrowException, OSError, ValueError, TypeError, MemoryError, RecursionError) as error:
        refuse(path.name, f"no table of ours ({' '.join(str(error).split())[:100]})")
    if types.metadata or any(field.metadata for field in types):
        refuse(path.name, "it holds metadata")
    if tuple(types.names) != columns or about.num_rows > MOST_RANKS:
        refuse(path.name, f"{about.num_rows:,} rows of {', '.join(types.names)[:100]}. Allowed: {MOST_RANKS:,}")
    rows = size = 0
    for group in map(about.row_group, range(about.num_row_groups)):
        rows += group.num_rows
        chunks = [group.column(index) for index in range(group.num_columns)]
        size += sum(chunk.total_uncompressed_size for chunk in chunks)
        if any(chunk.num_values != group.num_rows for chunk in chunks):
            refuse(path.name, "a column has other rows than the table")
    if rows != about.num_rows or not 0 <= size <= 24 * MOST_RANKS:
        refuse(path.name, f"its parts do not add up ({rows:,} rows, {size:,} bytes)")

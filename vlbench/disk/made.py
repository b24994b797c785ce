"""A file that is expensive to make: written once, checked on every reading, made again where it went bad."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, TypeVar

from vlbench.disk.sums import file_hash
from vlbench.files import fresh_file, set_aside, write_whole

T = TypeVar("T")


def made_once(path: Path, write: Callable[[IO[bytes]], None], read: Callable[[Path], T], *, large: bool = False) -> T:
    """What is read from a file, which is written first where it is not there, or not what its hash says.

    The hash stands in a file of the same name with ``.sha256`` at the end. A file without one is made again: nobody
    can say whether it is whole. A damaged file is named on standard error and set aside as ``<name>.damaged``.

    Args:
        path: of the file.
        write: writes all of it.
        read: gives what is in it.
        large: it takes long to read. Its hash is compared only where its size or time is not as it was written.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import vlbench
        >>> path = Path(tempfile.mkdtemp()) / "numbers.bin"
        >>> for _ in range(2):  # written the first time, read both times
        ...     vlbench.data.made_once(path, lambda file: file.write(bytes([3, 4])), Path.read_bytes)
        b'\\x03\\x04'
        b'\\x03\\x04'
    """
    if path.exists() and ((large and _is_as_written(path)) or _is_whole(path)):
        # A reader that fails on a whole file has a fault of its own.
        return read(path)
    if path.exists():
        with contextlib.suppress(OSError):
            aside = set_aside(path)
            print(f"{path} is not what its hash says, or has none. Set aside as {aside.name}.", file=sys.stderr)
    with fresh_file(path) as file:
        write(file)
        file.flush()
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # it has readinto
        found = os.fstat(file.fileno())
        # The hash first: whoever is killed in between leaves no whole file that lacks one.
        write_whole(_sum(path), f"{digest}  {path.name}\n{_stat(found) if large else ''}".encode())
    return read(path)


def _sum(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def made_problem(path: Path) -> str:
    """Why a file of :func:`made_once` is not whole; "" for one that is, and for one that stores no hash."""
    return "" if not _sum(path).exists() or _is_whole(path) else "it is not what its hash says"


def _is_whole(path: Path) -> bool:
    try:
        said, _, _ = _sum(path).read_text(encoding="ascii").partition("\n")
        return said == f"{file_hash(path)}  {path.name}"
    except (OSError, ValueError):
        return False


def _is_as_written(path: Path) -> bool:
    try:
        return _sum(path).read_text(encoding="ascii").partition("\n")[2] == _stat(path.stat())
    except (OSError, ValueError):
        return False


def _stat(found: os.stat_result) -> str:
    return f"# {found.st_size} bytes, {found.st_mtime_ns} ns\n"

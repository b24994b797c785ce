"""What lies in the cache: entries by kind, their size and last use, and what of it nothing reads."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vlbench.cache import KEY, entry_problem
from vlbench.disk.leftovers import leftovers
from vlbench.disk.locks import FOLDER as LOCKS
from vlbench.disk.made import made_problem
from vlbench.disk.sums import FILE_NAME as SUMS
from vlbench.files import DAMAGED, NEW, set_aside

SET_ASIDE, LEFT, UNHASHED, ENTRY, FILE = "set aside", "left half-written", "without hashes", "entry", "file"
UNREAD = (SET_ASIDE, LEFT, UNHASHED)
"""States of what nothing reads."""


@dataclass(frozen=True)
class Item:
    """Something in the cache.

    Attributes:
        kind: the folder it lies in: ``features``, ``experts``, ``data``, ...
        path: of it.
        state: ``entry`` or ``file``, or why nothing reads it.
        bytes: on disk.
        used: when it was last read, in seconds since 1970, as far as the file system tells.
    """

    kind: str
    path: Path
    state: str
    bytes: int
    used: float


def items(root: Path) -> Iterator[Item]:
    """Everything below the folders of a cache, by kind."""
    left = set(leftovers(root))
    for kind in sorted(path for path in root.glob("*") if path.is_dir() and not path.name.startswith(".")):
        for path in sorted(kind.rglob("*") if kind.name == "data" else kind.glob("*")):
            if (
                path.parent.name == LOCKS
                or path.parent.name.endswith(DAMAGED)
                or (kind.name == "data" and path.is_dir())
            ):
                continue
            if path in left or not path.name.startswith(NEW):
                yield Item(kind.name, path, LEFT if path in left else _state(path), *_size_and_use(path))


def problem(item: Item) -> str:
    """Why an entry or file is not whole; "" where it is, or where nothing can be said of it."""
    if item.state == ENTRY:
        return entry_problem(item.path)
    return made_problem(item.path) if item.state == FILE else ""


def put_aside(item: Item) -> Path:
    """Rename it, so that it is made again."""
    return set_aside(item.path)


def remove(item: Item) -> None:
    """Delete it, as far as the file system lets."""
    with contextlib.suppress(OSError):
        shutil.rmtree(item.path) if item.path.is_dir() else item.path.unlink()


def unused_days(item: Item) -> float:
    """Days since it was last read."""
    return (time.time() - item.used) / 86400


def _state(path: Path) -> str:
    if path.name.endswith(DAMAGED):
        return SET_ASIDE
    if path.is_dir():
        return ENTRY if (path / SUMS).exists() else UNHASHED
    return FILE


def _size_and_use(path: Path) -> tuple[int, float]:
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    read = path / KEY if (path / KEY).exists() else path
    with contextlib.suppress(OSError):
        return sum(file.stat().st_size for file in files), read.stat().st_mtime
    return 0, 0.0

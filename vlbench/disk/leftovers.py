"""Files of processes that were killed while they wrote: found by their names, and removed at the next start."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from vlbench.files import NEW, host_name

_NAME = re.compile(re.escape(NEW) + r"(\d+)-([A-Za-z0-9.]+)-.*")
_OLD_S = 24 * 3600.0
"""Seconds after which what another machine, or an older version, was writing is no longer being written."""


def leftovers(root: Path, *, depth: int = 2) -> Iterator[Path]:
    """Half-written files and folders that nobody writes any more, down to ``depth`` folders below ``root``."""
    for pattern in ("/".join(["*"] * level + [f"{NEW}*"]) for level in range(depth + 1)):
        with contextlib.suppress(OSError):
            yield from (path for path in root.glob(pattern) if _is_left(path))


def remove_leftovers(root: Path, *, depth: int = 2) -> int:
    """Remove them, as far as the file system lets; gives how many there were."""
    found = list(leftovers(root, depth=depth))
    for path in found:
        with contextlib.suppress(OSError):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    return len(found)


def _is_left(path: Path) -> bool:
    owner = _NAME.fullmatch(path.name)
    if owner is not None and owner[2] == host_name():
        return not _is_alive(int(owner[1]))
    try:
        return time.time() - path.lstat().st_mtime > _OLD_S
    except OSError:
        return False


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        return True
    return True

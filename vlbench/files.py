"""Files and folders that appear whole or not at all, and how a damaged one is put out of the way."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

NEW = ".new-"
"""How the name of a file begins that is being written; the process and the machine that write it follow."""
DAMAGED = ".damaged"
"""How the name of a file or folder ends that was set aside."""


@contextlib.contextmanager
def fresh_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes the place of ``path`` when the block ends without an error, and vanishes otherwise."""
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=fresh_prefix())
    fresh = Path(name)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.chmod(0o644)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that it appears whole or not at all."""
    with fresh_file(path) as file:
        file.write(content)


def fresh_prefix() -> str:
    """How the name of a file begins that this process is writing: who reads it knows whether anyone still writes it."""
    return f"{NEW}{os.getpid()}-{host_name()}-"


def host_name() -> str:
    """This machine, as it stands in names of files."""
    import socket

    return re.sub(r"[^A-Za-z0-9.]", "", socket.gethostname())[:40] or "host"


def check_plain(path: Path) -> None:
    """Refuse what is there and no plain file: a pipe is waited for without end, and a device read without end.

    Raises:
        OSError: it is none.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "no plain file", str(path))


def read_plain(path: Path) -> bytes:
    """The content of a plain file, as of a folder that anyone may have made.

    Raises:
        OSError: it cannot be read, or is no plain file.
    """
    check_plain(path)
    return path.read_bytes()


def set_aside(path: Path) -> Path:
    """Rename a damaged file or folder, so that nothing reads it again; one set aside before it is replaced.

    Returns:
        its new path.
    """
    target = path.with_name(path.name + DAMAGED)
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
    path.rename(target)
    return target


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A new folder to write into, which becomes ``path`` when the block ends without an error.

    Raises:
        OSError: at the end, if ``path`` is there and not an empty folder.
    """
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=path.parent, prefix=fresh_prefix()))
    try:
        yield fresh
        fresh.chmod(0o755)
        fresh.rename(path)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)

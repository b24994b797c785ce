"""One process at a time works on a thing, and the others say for whom they wait."""

from __future__ import annotations

import contextlib
import datetime
import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from vlbench.files import host_name

FOLDER = ".locks"
_CANNOT = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextlib.contextmanager
def alone_if_free(root: Path, name: str) -> Iterator[bool]:
    """Hold the lock ``name`` of a folder if nobody does; whether it is held."""
    from filelock import FileLock, Timeout

    path = root / FOLDER / f"{name}.lock"
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
        with contextlib.suppress(OSError):
            path.with_suffix(".owner").write_text(json.dumps(_self()), encoding="utf-8")
    except Timeout:
        yield False
        return
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
    try:
        yield True
    finally:
        with contextlib.suppress(OSError):
            path.with_suffix(".owner").unlink(missing_ok=True)
        lock.release()


@contextlib.contextmanager
def alone(root: Path, name: str, report: Callable[[str], None] = lambda _: None, *, what: str = "") -> Iterator[None]:
    """Hold the lock ``name`` of a folder; the system takes it from a process that was killed.

    Args:
        root: folder that the processes share.
        name: of the lock.
        report: given one line where there is somebody to wait for.
        what: how that line names the work.
    """
    from filelock import FileLock, Timeout

    path = root / FOLDER / f"{name}.lock"
    about = path.with_suffix(".owner")
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            report(f"{what or name}: {_owner(about)} works on it. Waiting.")
            lock.acquire(poll_interval=0.2)
        with contextlib.suppress(OSError):
            about.write_text(json.dumps(_self()), encoding="utf-8")
    except OSError as error:
        if error.errno not in _CANNOT:
            raise
        # Nobody can write here, so nobody works here.
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            about.unlink(missing_ok=True)
        lock.release()


def _self() -> dict[str, object]:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    return {"process": os.getpid(), "host": host_name(), "since": now}


def _owner(about: Path) -> str:
    try:
        owner = json.loads(about.read_text(encoding="utf-8"))
        return f"process {owner['process']} on {owner['host']}, since {owner['since']},"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"

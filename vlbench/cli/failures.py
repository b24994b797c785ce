"""How a command ends where the file system, or somebody else, says no: one line, an exit code, nothing lost."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

LONGEST = 2000
"""Characters of an error message."""
_FULL = (errno.ENOSPC, errno.EDQUOT)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


class Terminated(KeyboardInterrupt):
    """SIGTERM: a scheduler's way to say what Ctrl-C says."""


def stopped_code(error: KeyboardInterrupt) -> int:
    """Exit code of a command that was stopped, as shells write it: 128 and the signal."""
    return 128 + (signal.SIGTERM if isinstance(error, Terminated) else signal.SIGINT)


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Within, SIGTERM stops a command as Ctrl-C does."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise Terminated

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def shortened(text: str) -> str:
    """A message whose middle is left out where it is endless."""
    if len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST // 2]} ... {text[-LONGEST // 4 :]}"


def file_error(error: OSError) -> str:
    """What the file system refused, and what to do next."""
    path = str(error.filename) if error.filename is not None else ""
    path = f"{path[:80]}...{path[-40:]}" if len(path) > 160 else path
    where, why = f"{path!r}" if path else "a file", (error.strerror or type(error).__name__).lower()
    if error.errno in _FULL:
        return f"{where} cannot be written: {why}. Free some space, then give the same command again."
    if error.errno == errno.ENAMETOOLONG:
        return f"{where} is a longer name than the file system takes. Use a shorter one."
    if error.errno in _FORBIDDEN:
        return f"{where}: {why}. Name a folder that can be written with --out, or with VLBENCH_CACHE for the cache."
    if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENOENT, errno.ELOOP):
        return f"{where}: {why}. Name another path; the cache's folder is set with VLBENCH_CACHE."
    return f"{where}: {why}. What was finished is kept; the same command goes on from there."


def give_up_output() -> None:
    """Where standard output takes no more, nothing is left in it for the interpreter to stumble over at the end."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)

"""Foreign code runs between two looks at the process: what it prints and leaves changed stays without effect."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from vlbench.registry.process_state import FILTERS, PLUGINS, ProcessState
from vlbench.registry.torch_import import TorchImport

_END_S = 1.0
"""Seconds to wait for the end of what was written; a child of the plugin may hold the other end for ever."""


@dataclass
class Contained:
    """Side effects of plugin code.

    Attributes:
        state: of the process before.
        left: names of what it left changed and what was put back; complete after the block.
        written: bytes that went to standard output, whichever way; they were sent to standard error.
    """

    state: ProcessState
    left: list[str] = field(default_factory=list)
    written: int = 0


_OF_IMPORTS = (PLUGINS, "environment variables", "sys.path", FILTERS, "generator of numpy", "error states of numpy")
"""What the import of a plugin may set for good, or reads otherwise once a library is there."""


@contextlib.contextmanager
def contained_import() -> Iterator[Contained]:
    """As :func:`contained`, around the import of a plugin, which may be the first to import torch."""
    states: list[ProcessState] = []
    with _Output(), _no_exit():
        seen = Contained(ProcessState())
        try:
            with contextlib.redirect_stdout(sys.stderr), TorchImport(lambda: states.append(ProcessState())):
                yield seen
        finally:
            for state in (*states, seen.state):
                seen.left += [name for name in state.restore(keep=_OF_IMPORTS) if name not in seen.left]


@contextlib.contextmanager
def contained() -> Iterator[Contained]:
    """``with contained() as seen: ...`` around a call of foreign code; nothing is caught."""
    stdin, stderr = sys.stdin, sys.stderr
    with _Output() as output, _no_exit():
        seen = Contained(ProcessState())
        try:
            with contextlib.redirect_stdout(sys.stderr):
                yield seen
        finally:
            sys.stdin, sys.stderr = stdin, stderr
            seen.left += seen.state.restore()
    seen.written = output.written
    seen.left += output.lost


@contextlib.contextmanager
def _no_exit() -> Iterator[None]:
    """Within, ``os._exit`` is an exception like ``sys.exit``, but for processes that were forked here."""
    leave, owner = os._exit, os.getpid()

    def refused(status: int) -> NoReturn:
        if os.getpid() != owner:
            leave(status)
        raise SystemExit(f"os._exit({status})")

    os._exit = refused
    try:
        yield
    finally:
        os._exit = leave


_OTHERS = {0: "standard input", 2: "standard error"}


class _Output:
    """Within, file descriptor 1 leads to standard error, for compiled code and children too; counts the bytes.

    Descriptors 0 and 2 lead afterwards where they led before: had one been closed, the next file would take its place.
    """

    written = 0

    def __enter__(self) -> _Output:
        self._saved: int | None = None
        self.lost: list[str] = []
        self._others: dict[int, int] = {}
        for number in _OTHERS:
            with contextlib.suppress(OSError):
                self._others[number] = os.dup(number)
        with contextlib.suppress(OSError, ValueError):
            sys.__stdout__.flush() if sys.__stdout__ is not None else None
            self._saved = os.dup(1)
            source, target = os.pipe()
            os.dup2(target, 1)
            os.close(target)
            self._pump = threading.Thread(target=self._copy, args=(source,), daemon=True, name="standard output")
            self._pump.start()
        return self

    def __exit__(self, *_: object) -> None:
        for number, saved in self._others.items():
            if not _same_file(number, saved):
                os.dup2(saved, number)
                self.lost.append(_OTHERS[number])
            os.close(saved)
        if self._saved is None:
            return
        with contextlib.suppress(OSError, ValueError):
            sys.__stdout__.flush() if sys.__stdout__ is not None else None
        os.dup2(self._saved, 1)
        os.close(self._saved)
        self._pump.join(_END_S)

    def _copy(self, source: int) -> None:
        with contextlib.suppress(OSError):
            while content := os.read(source, 1 << 16):
                self.written += len(content)
                os.write(2, content)
        os.close(source)


def _same_file(one: int, other: int) -> bool:
    try:
        return os.path.sameopenfile(one, other)
    except OSError:
        return False

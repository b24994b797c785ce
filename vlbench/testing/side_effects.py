"""Observing side effects of a plugin: global state, files, network, data it must not touch."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vlbench.data.pairs import Split
from vlbench.testing.results import is_library

_HERE = Path(__file__).parent


def _numpy_state() -> tuple[bytes, str]:
    state: dict[str, Any] = np.random.get_state(legacy=False)
    return state["state"]["key"].tobytes(), repr({**state, "state": state["state"]["pos"]})


GENERATORS: dict[str, Callable[[], object]] = {
    "random (Python)": random.getstate,
    "numpy.random": _numpy_state,
    "torch": lambda: torch.get_rng_state().numpy().tobytes(),
}
"""Global generators, and what tells whether anyone drew from them."""

SETTINGS: dict[str, Callable[[], object]] = {
    "torch threads": torch.get_num_threads,
    "torch default dtype": torch.get_default_dtype,
    "torch grad mode": torch.is_grad_enabled,
    "torch inference mode": torch.is_inference_mode_enabled,
    "torch deterministic algorithms": torch.are_deterministic_algorithms_enabled,
    "torch float32 matmul precision": torch.get_float32_matmul_precision,
    "environment variables": lambda: dict(os.environ),
    "current folder": os.getcwd,
}
"""Settings of the process that others rely on, and how to read them."""


def changes(readers: dict[str, Callable[[], object]], before: dict[str, object]) -> list[str]:
    """Names of what reads otherwise than ``before``."""
    return [name for name, read in readers.items() if read() != before[name]]


@contextlib.contextmanager
def restored_global_state() -> Iterator[None]:
    """Global generators and settings are put back at the end, so that one method cannot disturb the next."""
    python, numpy, torches = random.getstate(), np.random.get_state(), torch.get_rng_state()
    threads, dtype, grad = torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled()
    strict, precision = torch.are_deterministic_algorithms_enabled(), torch.get_float32_matmul_precision()
    environment, folder = dict(os.environ), Path.cwd()
    try:
        yield
    finally:
        os.chdir(folder)
        if dict(os.environ) != environment:
            os.environ.clear()
            os.environ.update(environment)
        torch.use_deterministic_algorithms(strict)
        torch.set_float32_matmul_precision(precision)
        torch.set_grad_enabled(grad)
        torch.set_default_dtype(dtype)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        torch.set_rng_state(torches)
        np.random.set_state(numpy)
        random.setstate(python)


class GuardedSplits(dict[str, Split]):
    """Splits that note who asks for one that was not declared.

    Attributes:
        touched: a line for each access, with the place in the code.
        forbidden: names of splits; empty until the trap is set.
    """

    def __init__(self, splits: dict[str, Split]) -> None:
        super().__init__(splits)
        self.touched: list[str] = []
        self.forbidden: tuple[str, ...] = ()

    def __getitem__(self, name: str) -> Split:
        self._note(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._note(name)
        return super().get(name, default)

    def values(self) -> Any:
        self._note(*self)
        return super().values()

    def items(self) -> Any:
        self._note(*self)
        return super().items()

    def _note(self, *names: str) -> None:
        self.touched += [f"{name} ({place()})" for name in names if name in self.forbidden]


def place() -> str:
    """``file.py:12`` of the innermost caller outside vlbench, torch and Python's library; of any, if there is none."""
    frames = [frame for frame in traceback.extract_stack()[:-1] if Path(frame.filename).parent != _HERE]
    outside = [frame for frame in frames if not is_library(Path(frame.filename))]
    frame = (outside or frames)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"


class NetworkBlockedError(OSError):
    """A method asked for the network."""


@dataclass
class SideEffects:
    """What happened under :func:`recorded_side_effects`.

    Attributes:
        allowed: folders in which files may be written.
        writes: a line for each file written, made, moved or removed elsewhere, with the place in the code.
        connections: a line for each attempt to reach the network.
    """

    allowed: tuple[Path, ...]
    writes: list[str] = field(default_factory=list)
    connections: list[str] = field(default_factory=list)


_FILE_EVENTS: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.truncate": ((0, None),),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
}
"""Audit event -> positions of the paths that change, each with that of the folder it is relative to."""
_NETWORK_EVENTS = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.bind")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_seen: SideEffects | None = None
_installed = False


@contextlib.contextmanager
def recorded_side_effects(allowed: Sequence[Path]) -> Iterator[SideEffects]:
    """Note writes outside some folders and refuse the network, in this process, as far as Python sees it.

    It listens to Python's audit events, so files that compiled code writes by itself are not seen. Byte code that an
    import writes is not noted.
    """
    global _seen, _installed
    if not _installed:
        sys.addaudithook(_hook)  # an audit hook stays for good; without a watch it returns at once
        _installed = True
    seen = SideEffects(tuple(Path(os.path.realpath(folder)) for folder in allowed))
    _seen = seen
    try:
        yield seen
    finally:
        _seen = None


_inside = threading.local()


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    seen = _seen
    if seen is None or getattr(_inside, "busy", False):
        return
    if event in _NETWORK_EVENTS:
        _refuse(seen, event, arguments)
    elif event in _FILE_EVENTS or (event == "open" and arguments[2] & _WRITES):
        _inside.busy = True  # what follows opens source files for the stack
        try:
            paths = _changed_paths(event, arguments)
            seen.writes += [f"{path} ({place()})" for path in paths if _is_outside(path, seen)]
        finally:
            _inside.busy = False


def _changed_paths(event: str, arguments: tuple[Any, ...]) -> list[str]:
    paths = []
    for at, folder_at in _FILE_EVENTS.get(event, ((0, None),)):
        if isinstance(arguments[at], int):
            continue  # a file that is open already
        path = os.fsdecode(arguments[at])
        folder = -1 if folder_at is None else arguments[folder_at]
        paths.append(str(Path(f"/proc/self/fd/{folder}").resolve() / path) if folder >= 0 else path)
    return paths


def _is_outside(path: str, seen: SideEffects) -> bool:
    real = Path(os.path.realpath(path))
    if real.is_relative_to("/dev") or real.is_relative_to("/proc"):
        return False
    return not any(real.is_relative_to(folder) for folder in seen.allowed) and not _importing()


def _importing() -> bool:
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__") in ("importlib._bootstrap", "importlib._bootstrap_external"):
            return True
        frame = frame.f_back  # type: ignore[assignment]  # None ends the loop
    return False


def _refuse(seen: SideEffects, event: str, arguments: tuple[Any, ...]) -> None:
    address = arguments[0] if event.startswith("socket.get") else arguments[-1]
    if isinstance(address, str | bytes) and not event.startswith("socket.get"):
        return  # a socket of this machine's file system
    seen.connections.append(f"{address} ({place()})")
    raise NetworkBlockedError(f"a conformance check blocks the network; {event} {address} was asked for.")

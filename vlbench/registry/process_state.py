"""What a plugin shares with the run because both live in one process: noted before, put back and named after.

Python's own state is looked at here, torch's in :mod:`vlbench.registry.torch_state`, replaced functions in
:mod:`vlbench.registry.patches`.
"""

from __future__ import annotations

import gc
import locale
import os
import random
import signal
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlbench.registry.patches import Functions
from vlbench.registry.torch_state import torch_aspects


@dataclass(frozen=True)
class Aspect:
    """One thing of the process.

    Attributes:
        name: as messages say it.
        read: what it is now; compared by ``==``.
        write: puts it back.
        decides: whether it can change a score.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    decides: bool = False


FILTERS = "warnings filters"
PLUGINS = "modules of plugins"
_OF_LIBRARIES = (FILTERS, "sys.meta_path")
"""A library that was imported meanwhile has its reasons to change these."""
_DRAWN = ("generator of random", "generator of numpy")
"""Some libraries draw from these when they are imported; nothing here does."""


class ProcessState:
    """The process as it was when this was made."""

    def __init__(self) -> None:
        aspects = [*_PLAIN, *(Aspect(*one, decides=True) for one in torch_aspects())]
        self._before = [(aspect, aspect.read()) for aspect in aspects]
        self._functions = Functions()
        self._threads = set(threading.enumerate())
        self._imported = len(sys.modules)

    def restore(self, keep: Collection[str] = ()) -> list[str]:
        """Put everything back; names of what had changed, and of threads that were started and still run.

        Args:
            keep: names of aspects that stay as they are now.
        """
        changed = self._functions.restore(reloaded=PLUGINS in keep)
        imported = len(sys.modules) > self._imported
        for aspect, before in self._before:
            if aspect.name in keep or (aspect.name in _OF_LIBRARIES and imported):
                continue
            with suppress(Exception):  # what cannot be read or written any more is left
                if aspect.read() != before:
                    aspect.write(before)
                    if not (aspect.name in _DRAWN and imported):
                        changed.append(aspect.name)
        new = [thread for thread in threading.enumerate() if thread not in self._threads]
        running = [thread.name for thread in new if not type(thread).__module__.startswith("tqdm")]
        return changed + [f"thread {name!r}, which still runs" for name in running]

    def disturbed(self) -> list[str]:
        """Put back what can change a score, and name it."""
        changed = self._functions.restore()
        for aspect, before in self._before:
            if aspect.decides and aspect.read() != before:
                aspect.write(before)
                changed.append(aspect.name)
        return changed

    @contextmanager
    def suspended(self) -> Iterator[None]:
        """Within, the process is as it was; afterwards as it is now. For what is shared and computed meanwhile."""
        now = ProcessState()
        self.restore()
        try:
            yield
        finally:
            now.restore()


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was removed
        return ""


def _set_environment(before: dict[str, str]) -> None:
    os.environ.clear()
    os.environ.update(before)


def _umask() -> int:
    now = os.umask(0)
    os.umask(now)
    return now


_SIGNALS = [one for one in signal.Signals if one not in (signal.SIGKILL, signal.SIGSTOP)]


def _handlers() -> dict[int, Any]:
    return {one: signal.getsignal(one) for one in _SIGNALS}


def _set_handlers(before: dict[int, Any]) -> None:
    for number, handler in before.items():
        if handler is not None and signal.getsignal(number) != handler:  # None: not set from Python
            signal.signal(number, handler)


_TIMERS = [getattr(signal, name) for name in ("ITIMER_REAL", "ITIMER_VIRTUAL", "ITIMER_PROF") if hasattr(signal, name)]


def _alarm() -> bool:
    return any(any(signal.getitimer(timer)) for timer in _TIMERS)


def _no_alarm(_before: bool) -> None:
    for timer in _TIMERS:
        signal.setitimer(timer, 0)


def _limits() -> dict[int, Any]:
    try:
        import resource
    except ImportError:  # Windows has none
        return {}
    numbers = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
    return {number: resource.getrlimit(number) for number in numbers}


def _set_limits(before: dict[int, Any]) -> None:
    import resource

    for number, limit in before.items():
        if resource.getrlimit(number) != limit:
            resource.setrlimit(number, (limit[0], resource.getrlimit(number)[1]))


def _set_filters(before: list[Any]) -> None:
    warnings.filters[:] = before  # type: ignore[index]  # a list, whatever the stub says
    with suppress(AttributeError):
        warnings._filters_mutated()  # type: ignore[attr-defined]  # else what was decided before stays


def _cores() -> set[int]:
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def _numpy_random() -> tuple[Any, ...]:
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return ()
    name, key, *rest = numpy.random.get_state()
    return name, key.tobytes(), *rest


def _set_numpy_random(before: tuple[Any, ...]) -> None:
    if before:
        numpy: Any = sys.modules["numpy"]
        name, key, *rest = before
        numpy.random.set_state((name, numpy.frombuffer(key, dtype=numpy.uint32), *rest))


def _numpy_errors() -> dict[str, str]:
    numpy: Any = sys.modules.get("numpy")
    return dict(numpy.geterr()) if numpy is not None else {}


def _set_numpy_errors(before: dict[str, str]) -> None:
    if before:
        sys.modules["numpy"].seterr(**before)


_PLAIN = [
    Aspect("environment variables", lambda: dict(os.environ), _set_environment),
    Aspect("current folder", _folder, os.chdir),
    Aspect("umask", _umask, os.umask),
    Aspect("signal handlers", _handlers, _set_handlers),
    Aspect("alarm", _alarm, _no_alarm),
    Aspect("limits of the system", _limits, _set_limits),
    Aspect("locale", lambda: locale.setlocale(locale.LC_ALL), lambda before: locale.setlocale(locale.LC_ALL, before)),
    Aspect("folder of temporary files", tempfile.gettempdir, lambda b: setattr(tempfile, "tempdir", b)),
    Aspect(FILTERS, lambda: list(warnings.filters), _set_filters),
    Aspect("sys.path", lambda: list(sys.path), lambda before: sys.path.__setitem__(slice(None), before)),
    Aspect("sys.meta_path", lambda: list(sys.meta_path), lambda b: sys.meta_path.__setitem__(slice(None), b)),
    Aspect("switch interval", sys.getswitchinterval, sys.setswitchinterval),
    Aspect("recursion limit", sys.getrecursionlimit, sys.setrecursionlimit),
    Aspect("garbage collector", gc.isenabled, lambda before: gc.enable() if before else gc.disable()),
    Aspect("trace function", sys.gettrace, sys.settrace),
    Aspect("profile function", sys.getprofile, sys.setprofile),
    Aspect("cores", _cores, lambda before: os.sched_setaffinity(0, before)),
    Aspect(_DRAWN[0], random.getstate, random.setstate),
    Aspect(_DRAWN[1], _numpy_random, _set_numpy_random),
    Aspect("error states of numpy", _numpy_errors, _set_numpy_errors),
]

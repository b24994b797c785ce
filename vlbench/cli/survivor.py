"""A process that waits for the one that works, and lets it begin again where a plugin ended it from within.

A method that crashes (a fault in compiled code, ``abort``, more memory than there is) takes the whole process with it,
and with it the rows of others. The second time each method has a process of its own, so the crash becomes a record.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any

import click

from vlbench.own_network import is_program

_PASSED_ON = (signal.SIGINT, signal.SIGTERM)
_GRACE_S = 0.5
"""Seconds in which the same wish to stop may come twice: to the group of processes, and passed on from the parent."""
_PR_SET_PDEATHSIG = 1


def begin_again_where_it_dies() -> bool:
    """Go on in a child; the caller waits for it, and ends as it ended. It costs one fork.

    Nothing is done where a process cannot be forked safely: under a test or notebook, off Linux, with threads.

    Returns:
        whether an earlier child died without having ended by itself.
    """
    if not (sys.platform == "linux" and is_program() and threading.active_count() == 1 and not _uses_a_gpu()):
        return False
    for again in (False, True):
        source, target = os.pipe()
        parent = os.getpid()
        signal.pthread_sigmask(signal.SIG_BLOCK, {*_PASSED_ON, signal.SIGCHLD})
        child = _fork()
        if child == 0:
            os.close(source)
            _become_child(parent, target)
            return again
        os.close(target)
        status = _wait(child)
        with os.fdopen(source, "rb") as pipe:
            ended_by_itself = bool(pipe.read(1))
        code = os.waitstatus_to_exitcode(status)
        if ended_by_itself or again:
            raise click.exceptions.Exit(code if code >= 0 else 128 - code)
        from vlbench.runs.child import how_it_ended

        click.echo(f"The process {how_it_ended(code)}. It begins again, each method in a process of its own.", err=True)
    raise AssertionError("unreachable")


def _uses_a_gpu() -> bool:
    torch: Any = sys.modules.get("torch")
    return torch is not None and torch.cuda.is_initialized()


def _fork() -> int:
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():  # of native threads, which numpy's library starts and takes across forks
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _become_child(parent: int, pipe: int) -> None:
    """It dies with its parent, says when it has ended by itself, and stops once where it is asked twice at a time."""
    import ctypes

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    atexit.register(lambda: os.write(pipe, b"."))
    last: list[float] = []
    for number in _PASSED_ON:
        handler = signal.getsignal(number)
        if callable(handler):
            signal.signal(number, _once_at_a_time(handler, last))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_PASSED_ON, signal.SIGCHLD})


def _once_at_a_time(handler: Callable[[int, FrameType | None], Any], last: list[float]) -> Callable[..., None]:
    def handle(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not last or now - last[-1] > 2 * _GRACE_S:
            last.append(now)
            handler(number, frame)

    return handle


def _wait(child: int) -> int:
    """Status of the child at its end; what others than the terminal send meanwhile is passed on."""
    try:
        while True:
            found = signal.sigwaitinfo({*_PASSED_ON, signal.SIGCHLD})
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return status
            if found.si_signo in _PASSED_ON and found.si_code <= 0:  # by a process, not by the terminal for its group
                time.sleep(_GRACE_S / 5)
                os.kill(child, found.si_signo)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*_PASSED_ON, signal.SIGCHLD})

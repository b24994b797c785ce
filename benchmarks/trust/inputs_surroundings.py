"""What inputs.py does to a process before its command: folders, disks and limits that say no, and signals that come."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

CLONE_NEWNS = 0x20000
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
FILE_SIZES = (0, 100, 4_000, 60_000, 1_000_000)
"""Bytes that a file may have."""
DISKS = (4_096, 65_536, 524_288, 2_097_152)
"""Bytes of a disk on which runs and cache lie."""
DELAYS_S = (0.01, 0.1, 0.3, 0.6, 1.0, 1.5, 2.5, 4.0)


def gone() -> None:
    """The current folder is deleted."""
    os.mkdir("gone")  # noqa: PTH102
    os.chdir("gone")
    os.rmdir("../gone")  # noqa: PTH106


def closed() -> None:
    """No standard output, no standard error."""
    os.close(1)
    os.close(2)


def other_user() -> None:
    """Somebody to whom no file here belongs."""
    os.setuid(65534)


def others_can_read() -> bool:
    """Whether another user can run this Python at all: its library may lie in a folder of root's."""
    folders = [Path(os.__file__), *Path(os.__file__).parents, *Path(sys.prefix).parents]
    return os.geteuid() == 0 and all(folder.stat().st_mode & 0o005 for folder in folders)


def _mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), kind.encode(), flags, data.encode()):
        raise OSError(ctypes.get_errno(), "mount", target)


def _own_mounts() -> None:
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    _mount("none", "/", "", MS_REC | MS_PRIVATE)


def can_mount() -> bool:
    """Whether a process here may have mounts of its own."""
    child = os.fork()
    if child == 0:
        try:
            _own_mounts()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def read_only() -> None:
    """The current folder, which is home and cache as well, cannot be written to, by root neither."""
    _own_mounts()
    here = str(Path.cwd())
    _mount(here, here, "", MS_BIND)
    _mount(here, here, "", MS_BIND | MS_REMOUNT | MS_RDONLY)
    os.chdir(here)


def small_disk(size: int) -> Callable[[], None]:
    """A disk of so many bytes in the folder ``small``."""

    def mounted() -> None:
        _own_mounts()
        Path("small").mkdir()
        _mount("tmpfs", "small", "tmpfs", 0, f"size={size}")

    return mounted


def small_files(size: int) -> Callable[[], None]:
    """No file may have more bytes."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def signalled(delay_s: float) -> Callable[[], None]:
    """SIGTERM after some seconds."""

    def timed() -> None:
        timer = threading.Timer(delay_s, os.kill, (os.getpid(), signal.SIGTERM))
        timer.daemon = True
        timer.start()

    return timed

"""A network that leads nowhere, for this process and every program that it starts: Linux's network namespaces."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
NOT_HELD = (
    "--offline: vlbench itself opens no socket, but this system gives it no network of its own, so a program that a "
    "plugin starts may reach the network."
)
_PROGRAMS = ("vlbench", "vlbench.exe")


def is_program() -> bool:
    """Whether this process is vlbench's own command; what is done here cannot be undone, so no other is moved."""
    program = Path(sys.argv[0])
    return program.name in _PROGRAMS or (program.name == "__main__.py" and program.parent.name == "vlbench")


def enter_own_network() -> bool:
    """Move into a network namespace without any way out, for good; False where that is not allowed.

    As root that is all. Else a user namespace comes with it, in which the user keeps the own number; that needs a
    process of one thread, so it is best done first.
    """
    if not sys.platform.startswith("linux"):
        return False
    import ctypes

    unshare = getattr(ctypes.CDLL(None, use_errno=True), "unshare", None)
    if unshare is None:
        return False
    if unshare(CLONE_NEWNET) == 0:
        return True
    user, group = os.getuid(), os.getgid()
    if unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
        return False
    with contextlib.suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    with contextlib.suppress(OSError):
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    return True

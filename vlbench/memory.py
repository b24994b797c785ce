"""Memory that is freed is used again, in place of being given back to the system and asked for anew."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of the parameters in glibc's ``malloc.h``."""
KEPT, LARGEST = 256 << 20, 32 << 20
"""Bytes that are kept, and of the largest block that is taken from them; the most that glibc allows."""


def keep_freed_memory() -> None:
    """Ask the C library to keep what is freed; nothing where it is not glibc.

    A step of matching frees and takes some hundred megabytes, and a page that the system hands out anew is
    cleared first: together a twentieth of the step.
    """
    if not sys.platform.startswith("linux"):
        return
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_TRIM_THRESHOLD, KEPT)
        mallopt(_MMAP_THRESHOLD, LARGEST)

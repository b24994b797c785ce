"""Errors for names that do not exist; they suggest the closest one that does."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from vlbench.errors import UnknownNameError


def closest(name: str, available: Iterable[str]) -> str:
    """The available name closest to ``name``, or "" if none is close."""
    by_folded = {candidate.lower(): candidate for candidate in available}
    matches = difflib.get_close_matches(str(name).lower(), list(by_folded), n=1, cutoff=0.55)
    return by_folded[matches[0]] if matches else ""


def unknown_name(kind: str, name: str, available: Iterable[str], *, hint: str = "") -> UnknownNameError:
    """The error, to be raised by the caller, for a name of some kind that nobody declared.

    Args:
        kind: what the name should be, as in ``"method"``.
        name: what was asked for.
        available: every name there is.
        hint: the command that shows more, as in ``"vlbench methods"``.
    """
    names = sorted(available)
    close = closest(name, names)
    first = f"no {kind} called {name!r}." + (f" Did you mean {close!r}?" if close else "")
    second = f"Available: {', '.join(names) or 'none'}." + (f"  Details: {hint}" if hint else "")
    return UnknownNameError(f"{first}\n{second}")

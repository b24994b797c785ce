"""Where a user's datasets lie, as given to ``vlbench prepare``: suite -> folder, stored in the cache's folder."""

from __future__ import annotations

import json
from pathlib import Path

from vlbench.files import write_whole

_FILE = "folders.json"


def remembered_folder(root: Path, suite: str) -> Path | None:
    """The folder that a suite was prepared with, or None.

    Args:
        root: of the cache.
        suite: name of the suite.
    """
    found = _read(root).get(suite)
    return Path(found) if found else None


def remember_folder(root: Path, suite: str, folder: Path) -> None:
    """Keep a suite's folder, in place of the one before."""
    known = _read(root) | {suite: str(folder.resolve())}
    write_whole(root / _FILE, json.dumps(known, indent=1).encode())


def _read(root: Path) -> dict[str, str]:
    try:
        known = json.loads((root / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return {str(suite): str(folder) for suite, folder in known.items()} if isinstance(known, dict) else {}

"""Whether a disk has room for what is about to be written: said before the work, not at its end."""

from __future__ import annotations

import shutil
from pathlib import Path

from vlbench.errors import DataError


def check_space(folder: Path, needed: int, what: str) -> None:
    """Refuse to begin what will not fit.

    Args:
        folder: to be written to; it need not exist yet.
        needed: bytes.
        what: is written, in the plural.

    Raises:
        DataError: the disk has less room.

    Examples:
        >>> from pathlib import Path
        >>> check_space(Path("runs"), 10**18, "features")
        Traceback (most recent call last):
        vlbench.errors.DataError: features take about 1,000,000,000.0 GB, and the disk of ...
    """
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise DataError(
            f"{what} take about {needed / 1e9:,.1f} GB, and the disk of {folder} has {free / 1e9:,.1f} GB left. Free "
            f"some (vlbench cache), or set VLBENCH_CACHE to a folder on another disk."
        )

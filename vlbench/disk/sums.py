"""Hashes of content: of values, and of the files of a folder in a file that ``sha256sum -c`` reads, too."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from vlbench.files import check_plain, read_plain, write_whole

FILE_NAME = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64})  ([^/\n]+)")


def short_hash(value: object, length: int = 16) -> str:
    """Leading hexadecimal digits of the SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    check_plain(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sums_text(folder: Path, names: Iterable[str]) -> bytes:
    """The content of ``SHA256SUMS`` for some files of a folder."""
    return "".join(f"{file_hash(folder / name)}  {name}\n" for name in sorted(names)).encode()


def write_sums(folder: Path, names: Iterable[str]) -> None:
    """Write the hashes of those of the files that are there; from now on each of them is checked when it is read."""
    write_whole(folder / FILE_NAME, sums_text(folder, [name for name in names if (folder / name).is_file()]))


def drop_sums(folder: Path) -> None:
    """Take the hashes away, before a file is written anew: a folder without them is one that may be half done."""
    (folder / FILE_NAME).unlink(missing_ok=True)


def read_sums(folder: Path) -> dict[str, str] | None:
    """File name -> SHA-256; None where a folder has no hashes, or none that can be read."""
    try:
        lines = read_plain(folder / FILE_NAME).decode("ascii").split("\n")
    except (OSError, ValueError):
        return None
    found = [_LINE.fullmatch(line) for line in lines[:-1]]
    whole = lines[-1] == "" and found and all(found)
    return {match[2]: match[1] for match in found if match} if whole else None


def damaged_files(folder: Path, names: Collection[str] | None = None) -> list[str]:
    """Files that are missing, or whose content is not that of their hash; of those named, or of all that have one.

    A folder without hashes has nothing that could be compared.
    """
    sums = read_sums(folder) or {}
    return [name for name in sums if (names is None or name in names) and not _is_whole(folder / name, sums[name])]


def damage(folder: Path, *names: str) -> str:
    """What is wrong with some files of a folder by their hashes, for an error; "" where nothing is.

    Examples:
        >>> import vlbench
        >>> record = vlbench.run(method="random", budget=20, suite="scenes-mini")
        >>> vlbench.board.damage(record.folder, "hits.json", "hits.npy")
        ''
    """
    bad = damaged_files(folder, names)
    if not bad:
        return ""
    return f"{', '.join(bad)} of {str(folder)!r} is damaged: the content is not that of {FILE_NAME}"


def _is_whole(path: Path, digest: str) -> bool:
    try:
        return file_hash(path) == digest
    except OSError:
        return False

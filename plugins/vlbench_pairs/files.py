"""Reading annotation files: paths, encodings, JSON; every failure names the file."""

from __future__ import annotations

import glob
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlbench.errors import DataError
from vlbench_pairs.options import PairsOptions
from vlbench_pairs.rows import split_of_path

PATHS = ("annotations", "images", "splits")
"""Options that hold paths."""


def listed(value: str | Sequence[str]) -> list[str]:
    """Entries of an option that is a list, or one text with commas."""
    entries = value.split(",") if isinstance(value, str) else list(value)
    return [entry.strip() for entry in entries if entry.strip()]


def anchored(options: PairsOptions) -> PairsOptions:
    """Options whose relative paths count from their ``root``, where they have one."""
    if not options.root:
        return options
    root = Path(options.root).expanduser()

    def under_root(entry: str) -> str:
        head, equals, tail = entry.partition("=")
        prefix, path = (f"{head}=", tail) if equals and head.isalpha() else ("", entry)
        found = root / Path(path).expanduser()
        archive = found.with_name(f"{found.name}.tar")
        if archive.is_file() and not found.exists():  # as it was downloaded
            found = archive
        return entry if options.format == "huggingface" and not found.exists() else f"{prefix}{found}"

    changed = {name: tuple(map(under_root, listed(getattr(options, name)))) for name in PATHS}
    return replace(options, **changed)  # type: ignore[arg-type]  # all three are tuples of text


def existing_paths(value: str | Sequence[str], option: str) -> list[Path]:
    """Paths of an option that lists files, folders or glob patterns.

    Raises:
        DataError: one does not exist, or a pattern matches nothing.
    """
    paths: list[Path] = []
    for entry in listed(value):
        path = Path(entry).expanduser()
        # Path.glob takes no absolute patterns.
        found = [path] if path.exists() else [Path(match) for match in sorted(glob.glob(str(path)))]  # noqa: PTH207
        if not found:
            raise DataError(
                f"{option}: {entry!r} does not exist. Check the path. A relative one counts from the folder that "
                f"--data names, else from the current one."
            )
        paths += found
    return paths


def split_paths(value: str | Sequence[str], option: str) -> list[tuple[Path, str]]:
    """Files of an option with one file per split, and the split each is for (empty where nothing tells).

    ``train=FILE`` says the split; otherwise the file's name does, where it can.

    Raises:
        DataError: a file does not exist.
    """
    pairs: list[tuple[Path, str]] = []
    for entry in listed(value):
        head, equals, tail = entry.partition("=")
        explicit = bool(equals) and head.isalpha() and not Path(entry).expanduser().exists()
        for path in existing_paths([tail if explicit else entry], option):
            pairs.append((path, head if explicit else split_of_path(path)))
    return pairs


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, with or without byte order mark.

    Raises:
        DataError: it cannot be read or is not UTF-8.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path and its permissions.") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{path}, line {line}: not UTF-8 (byte {content[error.start]:#04x}). "
            f"Convert the file, for instance: iconv -f LATIN1 -t UTF-8 {path.name}"
        ) from error


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        DataError: it cannot be read, is not UTF-8 or not JSON.
    """
    try:
        return json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {error.lineno}: not valid JSON ({error.msg}). Is the file whole?") from error
    except RecursionError as error:
        raise DataError(f"{path}: nested too deeply to be an annotation file.") from error


def text_field(record: dict[str, Any], name: str, where: str, *, default: str | None = None) -> str:
    """A field that must be text.

    Raises:
        DataError: it is missing (and there is no default), empty, or something else.
    """
    value = record.get(name, default)
    if not isinstance(value, str) or (not value and default is None):
        raise DataError(f"{where}: field {name!r} is {value!r}, expected a text.")
    return value

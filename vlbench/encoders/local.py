"""Pretrained weights in files of the user's: they are the suite's where their SHA-256 is what the suite states.

Where they lie is stored in the cache's folder by ``vlbench prepare SUITE --weights DIR``, and is no part of a protocol.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from vlbench.data.folders import remember_folder, remembered_folder
from vlbench.disk.sums import file_hash, short_hash
from vlbench.errors import DataError, ProtocolError

Stated = Mapping[str, str]
"""File name -> SHA-256, or its first digits: eight at least."""
FOLDER, WEIGHTS = "folder", "weights"
"""Options of encoders that say where files lie: a model's folder, or the file of its weights."""
_DIGITS = re.compile(r"[0-9a-f]{8,64}")
_SUFFIXES = {".safetensors", ".bin", ".pth", ".pt"}


def check_stated(stated: object, where: str) -> None:
    """Refuse what is no table of file names and hashes.

    Raises:
        ProtocolError: names the value, and what is allowed.
    """
    table = stated if isinstance(stated, dict) else {"": ""}
    if not all(isinstance(text, str) and _DIGITS.fullmatch(text) and "/" not in name for name, text in table.items()):
        raise ProtocolError(
            f"{where}: sha256 = {str(stated)[:60]!r} is not allowed. It is a table: the name of each file and its "
            f"SHA-256, or the first of its digits, eight at least."
        )


def located(options: Mapping[str, Any], kind: type, stated: Stated, root: Path) -> dict[str, Any]:
    """An encoder's options with the place of its files, where the suite was prepared with one.

    Args:
        options: as the suite has them.
        kind: of the encoder's options.
        stated: what the suite says of the files.
        root: of the cache.

    Raises:
        DataError: the files there are no longer those.
    """
    place = remembered_folder(root, _name(stated)) if stated else None
    if place is None:
        return dict(options)
    if problem := weights_problem(place, stated, whole=_takes(kind, FOLDER)):
        raise DataError(f"weights: {problem}. Give their folder again: vlbench prepare SUITE --weights DIR.")
    return dict(options) | {key: str(path) for key, path in _option(place, kind, stated).items()}


def locate(folder: Path, kind: type, stated: Stated, root: Path) -> Path:
    """Look for a tower's files in a folder and all below it, and remember where they are.

    Raises:
        DataError: they are not there, or have another content.
    """
    first = next(iter(stated))
    places = sorted(path.parent for path in folder.expanduser().rglob(first))
    problems = [weights_problem(place, stated, whole=_takes(kind, FOLDER)) for place in places]
    if "" not in problems:
        found = "; ".join(problems) or f"there is no {first}"
        raise DataError(f"--weights {str(folder)!r}: {found}. Wanted: {', '.join(stated)} as the suite states them.")
    place = places[problems.index("")]
    remember_folder(root, _name(stated), place)
    return next(iter(_option(place, kind, stated).values()))


def weights_problem(place: Path, stated: Stated, *, whole: bool) -> str:
    """Why a folder's files are not those that a suite states; "" where they are.

    Args:
        place: the folder.
        stated: name -> SHA-256.
        whole: a model is loaded from all of the folder, so that it may hold no other weights.
    """
    for name, digest in stated.items():
        file = place / name
        if not file.is_file():
            return f"{str(place)!r} has no {name}"
        if not (found := file_hash(file)).startswith(digest):
            return f"the SHA-256 of {str(file)!r} is {found}, that of the suite's {digest}"
    others = [path.name for path in place.iterdir() if path.suffix in _SUFFIXES and path.name not in stated]
    return f"{str(place)!r} also holds {', '.join(sorted(others))}, which would be loaded" if whole and others else ""


def _option(place: Path, kind: type, stated: Stated) -> dict[str, Path]:
    if _takes(kind, FOLDER):
        return {FOLDER: place}
    if _takes(kind, WEIGHTS):
        return {WEIGHTS: place / next(iter(stated))}
    raise DataError(f"an encoder with {kind.__name__} has no option {FOLDER!r} or {WEIGHTS!r} for files of yours.")


def _takes(kind: type, name: str) -> bool:
    return any(field.name == name for field in fields(kind))


def _name(stated: Stated) -> str:
    return f"weights {short_hash(dict(stated))}"

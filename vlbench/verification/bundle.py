"""The one file that a claim travels in: a zip of known names, stored, of one form only.

A bundle is byte for byte what :func:`pack` makes of its contents. :func:`unpack` makes it again and compares, so that
nothing can hide between, before or behind the files, and no byte is free to change.
"""

from __future__ import annotations

import filecmp
import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import vlbench
from vlbench.disk.sums import file_hash
from vlbench.errors import DataError
from vlbench.files import fresh_file
from vlbench.records.ranks import COLUMNS
from vlbench.records.ranks import FILE_NAME as RANKS
from vlbench.records.record import Record
from vlbench.verification.names import text_problem
from vlbench.verification.untrusted import check_pictures, check_safetensors, check_table, parse_json, refuse

BUNDLE = 1
"""Version of the form of a bundle."""
MANIFEST = "manifest.json"
MIB = 1 << 20
LARGEST = {
    MANIFEST: MIB // 4,
    "artifact.json": MIB,
    "artifact.safetensors": 1900 * MIB,
    "preview.json": MIB,
    "preview.npy": 256 * MIB,
    RANKS: 64 * MIB,
    "record.json": 16 * MIB,
}
"""File of a bundle -> most bytes it may have. No other file is in one."""
NEEDED = ("artifact.json", "artifact.safetensors", "record.json")
_END = 22
_CHUNK = MIB
_HASH = re.compile(r"[0-9a-f]{64}")


def pack(folder: Path, target: Path, about: Mapping[str, str]) -> dict[str, Any]:
    """Write the bundle of the files in ``folder``; the same files give the same bytes.

    Args:
        folder: holds files of :data:`LARGEST`; others are left out.
        target: the zip, written whole or not at all.
        about: ``id`` and ``vlbench`` of the manifest.

    Returns:
        the manifest.

    Raises:
        DataError: a file is missing or too large.
    """
    names = [name for name in sorted(LARGEST) if name != MANIFEST and (folder / name).is_file()]
    for name in NEEDED:
        if name not in names:
            raise DataError(f"{str(folder)!r} holds no {name}. Give the folder of a finished run.")
    for name in names:
        if (size := (folder / name).stat().st_size) > LARGEST[name]:
            raise DataError(f"{name} has {size:,} bytes. A bundle holds at most {LARGEST[name]:,} of it.")
    files = {name: _described(folder / name) for name in names}
    manifest = sealed({"bundle": BUNDLE, "files": files, **about})
    try:
        with (
            fresh_file(target) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_STORED, allowZip64=False) as archive,
        ):
            archive.writestr(_entry(MANIFEST), json.dumps(manifest, indent=1, sort_keys=True).encode())
            for name in names:
                entry = _entry(name)
                entry.file_size = (folder / name).stat().st_size
                with archive.open(entry, "w") as into, (folder / name).open("rb") as source:
                    while chunk := source.read(_CHUNK):
                        into.write(chunk)
    except (zipfile.LargeZipFile, RuntimeError):
        raise DataError(f"the files of {folder.name} are too large for one bundle (2 GiB).") from None
    return manifest


def sealed(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest with the hash of everything in it."""
    content = {key: value for key, value in manifest.items() if key != "sha256"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return {**content, "sha256": hashlib.sha256(text.encode()).hexdigest()}


def unpack(bundle: Path, folder: Path) -> dict[str, Any]:
    """Take a stranger's bundle apart into an empty folder, checking names and sizes first and hashes last.

    Returns:
        the manifest.

    Raises:
        DataError: it is not, in every byte, a bundle that vlbench wrote.
    """
    if not bundle.is_file():
        raise DataError(f"{str(bundle)!r} does not exist. Give a bundle, as vlbench submit names it.")
    _check_end(bundle)
    try:
        with zipfile.ZipFile(bundle) as archive:
            entries = archive.infolist()
            _check_entries(entries, bundle)
            for entry in entries:
                _extract(archive, entry, folder / entry.filename)
    except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, OSError) as error:
        refuse(bundle.name, f"no zip of ours ({str(error)[:200]})")
    manifest = _read_manifest(folder)
    _check_files(folder, manifest)
    again = folder / ".again"
    pack(folder, again, {key: manifest[key] for key in ("id", "vlbench")})
    same = filecmp.cmp(bundle, again, shallow=False)
    again.unlink()
    if not same:
        refuse(bundle.name, "some bytes of it belong to no file in it")
    return manifest


def _described(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": file_hash(path)}


def about_run(record: Record) -> dict[str, str]:
    """What a manifest says of the run."""
    return {"id": record.id, "vlbench": vlbench.__version__}


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.create_system, entry.external_attr = 3, 0o100644 << 16
    return entry


def _check_end(bundle: Path) -> None:
    """The directory at the end says how much there is to read; it has to before anything reads it."""
    size = bundle.stat().st_size
    with bundle.open("rb") as file:
        file.seek(max(size - _END, 0))
        end = file.read()
    if len(end) < _END or end[:4] != b"PK\5\6" or end[20:] != b"\0\0":
        refuse(bundle.name, "no zip, or one with more behind it")
    count, length, start = (int.from_bytes(end[a:b], "little") for a, b in ((10, 12), (12, 16), (16, 20)))
    if count > len(LARGEST) or length > 4096 or start + length + _END != size:
        refuse(bundle.name, f"its directory is of another form ({count} files in {length} bytes)")


def _check_entries(entries: list[zipfile.ZipInfo], bundle: Path) -> None:
    seen: set[str] = set()
    for entry in entries:
        name = entry.orig_filename
        if name not in LARGEST:
            outside = "/" in name or "\\" in name or ".." in name
            what = "lies outside the bundle" if outside else "is of no kind that a bundle holds"
            refuse(bundle.name, f"the file {name[:80]!r} {what}. Allowed: {', '.join(sorted(LARGEST))}")
        if name in seen:
            refuse(bundle.name, f"{name} occurs twice")
        if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits:
            refuse(bundle.name, f"{name} is compressed or encrypted")
        if entry.external_attr >> 16 != 0o100644:
            refuse(bundle.name, f"{name} is a link or no plain file")
        if entry.file_size != entry.compress_size or entry.file_size > LARGEST[name]:
            refuse(bundle.name, f"{name} has {entry.file_size:,} bytes. Allowed: {LARGEST[name]:,}")
        seen.add(name)
    if sum(entry.file_size for entry in entries) > bundle.stat().st_size:
        refuse(bundle.name, "its files are larger than itself")
    if missing := {MANIFEST, *NEEDED} - seen:
        refuse(bundle.name, f"it holds no {', '.join(sorted(missing))}")


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    left = entry.file_size
    with archive.open(entry) as source, target.open("wb") as into:
        while chunk := source.read(_CHUNK):
            left -= len(chunk)
            if left < 0:
                refuse(archive.filename or "bundle", f"{entry.filename} is larger than it says")
            into.write(chunk)


def _read_manifest(folder: Path) -> dict[str, Any]:
    manifest = parse_json((folder / MANIFEST).read_bytes(), MANIFEST)
    keys = {"bundle", "files", "id", "sha256", "vlbench"}
    if not isinstance(manifest, dict) or set(manifest) != keys:
        refuse(MANIFEST, f"it does not hold exactly {', '.join(sorted(keys))}")
    if manifest["bundle"] != BUNDLE or isinstance(manifest["bundle"], bool):
        refuse(MANIFEST, f"it is of form {manifest['bundle']!r}; this version reads {BUNDLE}")
    if not all(isinstance(manifest[key], str) for key in ("id", "vlbench", "sha256")):
        refuse(MANIFEST, "id, vlbench or sha256 is no text")
    if problem := text_problem(manifest["vlbench"]):
        refuse(MANIFEST, f"vlbench {problem}")
    if sealed(manifest) != manifest:
        refuse(MANIFEST, "its hash is not that of its contents")
    return manifest


def _check_files(folder: Path, manifest: Mapping[str, Any]) -> None:
    there = {path.name for path in folder.iterdir()} - {MANIFEST}
    files = manifest["files"]
    if not isinstance(files, dict) or set(files) != there:
        refuse(MANIFEST, "it does not name exactly the files of the bundle")
    for name, said in files.items():
        if not isinstance(said, dict) or set(said) != {"bytes", "sha256"} or not _HASH.fullmatch(str(said["sha256"])):
            refuse(MANIFEST, f"{name} has no size and hash")
        if said != _described(folder / name):
            refuse(name, "its size or hash is not that of the manifest")
    check_safetensors(folder / "artifact.safetensors")
    if "preview.npy" in there:
        check_pictures(folder / "preview.npy")
    if RANKS in there:
        check_table(folder / RANKS, COLUMNS)

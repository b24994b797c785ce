"""Reading annotation files: paths, encodings, lines, JSON; every failure names the file."""

from __future__ import annotations

import bz2
import codecs
import glob
import gzip
import json
import lzma
import re
import unicodedata
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vlbench.errors import DataError
from vlbench_pairs.options import PairsOptions

PATHS = ("annotations", "images", "splits")
"""Options that hold paths."""


NEWLINE = re.compile(r"\r\n|\n|\r")
"""Where lines end; not at U+2028, form feeds and the like, which captions hold."""
_BRACES = re.compile(r"\{([^{}]+)\}")
_BOUNDS = re.compile(r"(\d+)\.\.(\d+)")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PACKED = {"gzip": b"\x1f\x8b", "xz": b"\xfd7zXZ\0", "bzip2": b"BZh", "zstd": b"\x28\xb5\x2f\xfd"}
"""How texts are packed -> how such a file begins."""
PACKED_SUFFIXES = (".gz", ".xz", ".bz2", ".zst")
_BINARY = (
    (b"PAR1", "a parquet file"), (b"PK\x03\x04", "a zip file"), (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89PNG", "a PNG picture"), (b"ARROW1", "an arrow file"), (b"\x93NUMPY", "a NumPy array"),
)  # fmt: skip


def listed(value: str | Sequence[str]) -> list[str]:
    """Entries of an option that is a list, or one text with commas (those in braces belong to a pattern)."""
    entries = re.split(r",(?![^{}]*\})", value) if isinstance(value, str) else list(value)
    return [entry.strip() for entry in entries if entry.strip()]


def braced(pattern: str) -> Iterator[str]:
    """``{00000..00041}.tar`` and ``{train,val}.csv`` written out, in order."""
    match = _BRACES.search(pattern)
    if match is None:
        yield pattern
        return
    bounds = _BOUNDS.fullmatch(match[1])
    if bounds is None:
        inner = match[1].split(",")
    else:
        inner = [str(number).zfill(len(bounds[1])) for number in range(int(bounds[1]), int(bounds[2]) + 1)]
    for text in inner:
        yield from braced(pattern[: match.start()] + text + pattern[match.end() :])


def nfc(name: str) -> str:
    """A name as names are compared: what looks alike is alike (a letter and its accent as one character)."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def lines(text: str) -> list[str]:
    """Lines of a text, which end at ``\\n``, ``\\r\\n`` and ``\\r`` only."""
    return NEWLINE.split(text)


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
    """Paths of an option that lists files, folders, glob patterns or patterns in braces.

    Raises:
        DataError: one does not exist, or is a pipe or a device; or a pattern matches nothing.
    """
    paths: list[Path] = []
    for entry in listed(value):
        for one in [entry] if Path(entry).expanduser().exists() else braced(entry):
            paths += _existing(one, option)
    return paths


def _existing(entry: str, option: str) -> list[Path]:
    path = Path(entry).expanduser()
    # Path.glob takes no absolute patterns.
    found = [path] if path.exists() else [Path(match) for match in sorted(glob.glob(str(path)))]  # noqa: PTH207
    if not found:
        raise DataError(
            f"{option}: {entry!r} does not exist. Check the path. A relative one counts from the folder that "
            f"--data names, else from the current one."
        )
    if odd := next((one for one in found if not (one.is_file() or one.is_dir())), None):
        if not odd.exists():
            raise DataError(
                f"{option}: {str(odd)!r} is a link that leads nowhere. Make it anew, or name the file itself."
            )
        raise DataError(f"{option}: {str(odd)!r} is a pipe or a device. Save what comes from it to a file first.")
    return found


def read_text(path: Path) -> str:
    """The text of a file: UTF-8, with or without byte order mark, or UTF-16 or UTF-32 with one.

    Raises:
        DataError: it cannot be read or is of another encoding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check the path and its permissions.") from error
    return decoded(content, str(path))


def text_suffix(path: Path) -> str:
    """The ending of a file's name in lower case; of a packed one (``captions.csv.gz``) that of the file within."""
    suffix = path.suffix.lower()
    return Path(path.stem).suffix.lower() if suffix in PACKED_SUFFIXES else suffix


def decoded(content: bytes, where: str) -> str:
    """The text of a file's bytes, packed by gzip, xz, bzip2 or zstd or not, as :func:`read_text` reads them.

    Raises:
        DataError: they are no text, or of another encoding.
    """
    content = _unpacked(content, where)
    encoding = next((encoding for mark, encoding in _MARKS if content.startswith(mark)), "utf-8")
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        kind = binary_kind(content)
        if kind:
            raise DataError(f"{where}: {kind}, not a text file. See: vlbench data formats") from error
        line = len(NEWLINE.findall(content[: error.start].decode("latin-1"))) + 1
        raise DataError(
            f"{where}, line {line}: not UTF-8 (byte {content[error.start]:#04x}). "
            f"Convert the file, for instance: iconv -f LATIN1 -t UTF-8 {Path(where).name}"
        ) from error
    if encoding == "utf-8" and "\0" in text[:1000]:
        kind = binary_kind(content) or "not a text file, or UTF-16 without a byte order mark"
        raise DataError(f"{where}: {kind}. If it is text, save it as UTF-8. See: vlbench data formats")
    return text


def _unpacked(content: bytes, where: str) -> bytes:
    kind = next((kind for kind, mark in _PACKED.items() if content.startswith(mark)), "")
    if not kind or (kind == "bzip2" and content[4:10] != b"1AY&SY"):  # a caption may begin with BZh
        return content
    unpack = {"gzip": gzip.decompress, "xz": lzma.decompress, "bzip2": bz2.decompress, "zstd": _of_zstd}[kind]
    try:
        return unpack(content)
    except (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError) as error:
        raise DataError(f"{where}: not a whole {kind} file ({error}). Get the file again.") from error


def _of_zstd(content: bytes) -> bytes:
    import pyarrow

    with pyarrow.input_stream(pyarrow.BufferReader(content), compression="zstd") as stream:
        found: bytes = stream.read()
    return found


def binary_kind(content: bytes) -> str:
    """What a file is by its first bytes, in words; empty where it may be text."""
    if content[257:262] == b"ustar":
        return "a tar archive"
    return next((kind for mark, kind in _BINARY if content.startswith(mark)), "")


def read_json(path: Path) -> Any:
    """The content of a JSON file.

    Raises:
        DataError: it cannot be read, is no text or not JSON.
    """
    return parsed_json(read_text(path), str(path))


def parsed_json(text: str, where: str) -> Any:
    """The value of JSON text.

    Raises:
        DataError: it is no valid JSON.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}, line {error.lineno}: not valid JSON ({error.msg}). Is the file whole?") from error
    except RecursionError as error:
        raise DataError(f"{where}: nested too deeply to be an annotation file.") from error
    except ValueError as error:  # a whole number of thousands of digits
        raise DataError(f"{where}: not an annotation file ({error}).") from error


def text_field(record: dict[str, Any], name: str, where: str, *, default: str | None = None) -> str:
    """A field that must be text.

    Raises:
        DataError: it is missing (and there is no default), empty, or something else.
    """
    value = record.get(name, default)
    if not isinstance(value, str) or (not value and default is None):
        raise DataError(f"{where}: field {name!r} is {value!r}, expected a text.")
    return value

"""Features that others computed: the layouts of clip-retrieval and DataComp, and plain arrays; no image is opened."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from vlbench import PairDataset, Split, fingerprint
from vlbench.data import Draft, made_once
from vlbench.errors import DataError
from vlbench_pairs.files import existing_paths, listed
from vlbench_pairs.options import FeaturesOptions
from vlbench_pairs.tables import ParquetSource

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

SIDES = ("image", "text")
FOLDERS = {"image": "img_emb", "text": "text_emb"}
"""Of clip-retrieval; metadata lies beside them in ``metadata``."""
SHARE, MOST = 0.1, 5_000
CHUNK = 65_536
_NAMES = {"image": ("uid", "image_path", "key", "url", "image", "file_name"), "text": ("caption", "text", "title")}
_NUMBER = re.compile(r"(\d+)")


@dataclass(frozen=True)
class Part:
    """Some rows of both sides.

    Attributes:
        files: side -> file.
        keys: side -> key in that file; empty for a .npy file.
        metadata: parquet of as many rows, if there is one.
    """

    files: dict[str, Path]
    keys: dict[str, str]
    metadata: Path | None

    def array(self, side: str) -> NDArray[Any]:
        """Features [row, width]; memory-mapped where the file allows it."""
        path, key = self.files[side], self.keys[side]
        with _readable(path, f"{side} features"):
            if path.suffix == ".npy":
                found: NDArray[Any] = np.load(path, mmap_mode="r")
            elif path.suffix == ".npz":
                with path.open("rb") as file, np.load(file) as archive:
                    found = archive[key]
            else:
                found = _column(path, key)
        if found.ndim != 2 or found.dtype.kind != "f":
            raise DataError(
                f"{path}: {key or 'the array'} is {found.dtype} {list(found.shape)}, expected floats [row, width]."
            )
        return found


def _column(path: Path, key: str) -> NDArray[Any]:
    """A column of lists [row, width], row group by row group."""
    from pyarrow import parquet

    parts = []
    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=[key.split(".")[0]]):
            column = batch.column(0)
            flat = column.flatten().to_numpy(zero_copy_only=False)
            if column.null_count or len(flat) % max(1, len(column)):
                raise ValueError(f"rows of {key} have different lengths")
            parts.append(flat.reshape(len(column), -1))
    return np.concatenate(parts)


@contextlib.contextmanager
def _readable(path: Path, what: str) -> Iterator[None]:
    """Within, what is raised on a damaged file names it: NumPy and its zip reader raise errors of unrelated classes."""
    try:
        yield
    except Exception as error:
        raise DataError(f"{path}: {what} cannot be read ({error}). Get the file again.") from error


def load(options: FeaturesOptions, store: Path) -> PairDataset:
    """Pairs of features: ``image`` and ``text`` items are float [item, width], memory-mapped; pair i is row i of both.

    The first tenth of the rows, at most 5,000, is test, the next val, the rest train: so train stays one memory map.

    Raises:
        DataError: files are missing or broken, or have different numbers of rows.
    """
    parts = find_parts(options)
    sides = {side: _one_array(parts, side, store) for side in SIDES}
    counts = {side: len(array) for side, array in sides.items()}
    rows = counts["image"]
    if len(set(counts.values())) > 1 or rows < 3:
        raise DataError(
            f"{parts[0].files['image']} and others: rows of the sides are {counts}; 3 or more, as many on each."
        )
    names = _names(parts, rows)
    share = min(MOST, max(1, round(SHARE * rows)))
    bounds = {"train": (2 * share, rows), "val": (share, 2 * share), "test": (0, share)}
    splits = {split: _split(sides, names, start, end) for split, (start, end) in bounds.items()}
    note = f"no split in features: the first {share:,} rows are test, the next {share:,} val, all others train"
    return PairDataset("features", SIDES, splits, _print(parts, splits, store), notes=(note,))


def find_parts(options: FeaturesOptions) -> list[Part]:
    """Files of features, in the order of their numbers.

    Raises:
        DataError: there are none.
    """
    if options.image.endswith(".npy") or options.text.endswith(".npy"):
        files = {side: existing_paths(getattr(options, side), side)[0] for side in SIDES}
        metadata = existing_paths(options.metadata, "metadata")
        return [Part(files, dict.fromkeys(SIDES, ""), metadata[0] if metadata else None)]
    root = Path(options.root) if options.root else None
    paths = existing_paths([str(root / one) if root else one for one in listed(options.files)], "files")
    parts = [part for path in paths for part in _parts(path, options)]
    if not parts:
        raise DataError(
            f"files: no features in {list(options.files)}. Give a folder with img_emb and text_emb, or .npz files."
        )
    return parts


def _parts(path: Path, options: FeaturesOptions) -> Iterator[Part]:
    if path.is_dir() and (path / FOLDERS["image"]).is_dir():
        by_side = {side: _numbered((path / name).glob("*.npy")) for side, name in FOLDERS.items()}
        if len({len(found) for found in by_side.values()}) > 1:
            raise DataError(
                f"{path}: { ({side: len(found) for side, found in by_side.items()}) } files of features. Give both."
            )
        metadata = _numbered((path / "metadata").glob("*.parquet"))
        for number, (image, text) in enumerate(zip(*by_side.values(), strict=True)):
            about = metadata[number] if number < len(metadata) else None
            yield Part({"image": image, "text": text}, dict.fromkeys(SIDES, ""), about)
        return
    archives = _numbered(path.rglob("*.npz")) if path.is_dir() else [path]
    for archive in archives:
        keys = _keys(archive, options)
        if keys:
            yield Part(dict.fromkeys(SIDES, archive), keys, _beside(archive))


def _numbered(paths: Any) -> list[Path]:
    return sorted(paths, key=lambda path: [int(part) if part.isdigit() else part for part in _NUMBER.split(path.name)])


def _beside(archive: Path) -> Path | None:
    if archive.suffix == ".parquet":
        return archive
    places = (archive.with_suffix(".parquet"), archive.parent / "metadata" / f"{archive.stem}.parquet")
    return next((place for place in places if place.is_file()), None)


_KEYS = {"image": ("l14_img", "b32_img", "img", "image"), "text": ("l14_txt", "b32_txt", "txt", "text")}
"""Usual keys; the last two are looked for inside the names of embeddings too."""


def _keys(path: Path, options: FeaturesOptions) -> dict[str, str]:
    """Side -> key; empty where the file holds no features of both."""
    present, keys = _present(path), dict[str, str]()
    for side, usual in _KEYS.items():
        wanted: str = getattr(options, side)
        if wanted and present and wanted not in present:
            raise DataError(f"{path}: no features {wanted!r}; it has {present}. Set the option {side!r}.")
        known = [name for name in usual if name in present]
        known += [name for name in present if "emb" in name.lower() and any(word in name.lower() for word in usual[2:])]
        if not wanted and not known:
            return {}
        keys[side] = wanted or known[0]
    return keys if present else {}


def _present(path: Path) -> list[str]:
    """Keys of an archive, or columns of lists of a parquet file."""
    if path.suffix == ".npz":
        with _readable(path, "features"), path.open("rb") as file, np.load(file) as archive:
            return list(archive.files)
    if path.suffix == ".parquet":
        return [field.name for field in ParquetSource(path, str(path)).schema() if "list" in str(field.type)]
    return []


def _one_array(parts: Sequence[Part], side: str, store: Path) -> Tensor:
    """All rows of a side; of several files, written into one once."""
    import torch

    if len(parts) == 1 and parts[0].files[side].suffix == ".npy":
        parts[0].array(side)  # of the right form, or an error that names the file
        return torch.from_numpy(np.load(parts[0].files[side], mmap_mode="c"))
    path = store / f"features-{_stamp(parts)}-{side}.npy"
    return made_once(
        path,
        lambda file: _write(file, parts, side),
        lambda made: torch.from_numpy(np.load(made, mmap_mode="c")),
        large=True,
    )


def _write(file: IO[bytes], parts: Sequence[Part], side: str) -> None:
    first = parts[0].array(side)
    rows = sum(len(part.array(side)) for part in parts)
    about = {"descr": first.dtype.str, "fortran_order": False, "shape": (rows, first.shape[1])}
    np.lib.format.write_array_header_1_0(file, about)
    for part in parts:
        array = part.array(side)
        if array.shape[1] != first.shape[1]:
            raise DataError(
                f"{part.files[side]}: {array.shape[1]} numbers a feature, {first.shape[1]} in the first file."
            )
        for start in range(0, len(array), CHUNK):
            file.write(np.ascontiguousarray(array[start : start + CHUNK], first.dtype).data)


def _stamp(parts: Sequence[Part]) -> str:
    """Of the files' names, sizes and times."""
    files = sorted({file for part in parts for file in part.files.values()})
    known = [[str(file.resolve()), file.stat().st_size, file.stat().st_mtime_ns] for file in files]
    keys = [sorted(part.keys.items()) for part in parts]
    return hashlib.sha256(json.dumps([known, keys]).encode()).hexdigest()[:16]


def _names(parts: Sequence[Part], rows: int) -> dict[str, list[str]]:
    """Side -> a name for each row, from the metadata where there is some for all."""
    found: dict[str, list[str]] = {}
    if any(part.metadata is None for part in parts):
        return found
    for part in parts:
        assert part.metadata is not None
        present = ParquetSource(part.metadata, str(part.metadata)).schema().names
        columns = {side: next((name for name in names if name in present), "") for side, names in _NAMES.items()}
        for side, column in columns.items():
            if column:
                found.setdefault(side, []).extend(_texts(part.metadata, column))
    for side, names in found.items():
        if len(names) != rows:
            raise DataError(
                f"{parts[0].metadata} and others: {len(names):,} names of the {side} side for {rows:,} features."
            )
    return found


def _texts(path: Path, column: str) -> list[str]:
    from pyarrow import parquet

    with _readable(path, "metadata"):
        return [str(value) for value in parquet.read_table(path, columns=[column]).column(column).to_pylist()]


def _split(sides: dict[str, Tensor], names: dict[str, list[str]], start: int, end: int) -> Split:
    import torch

    pairs = torch.arange(end - start)[:, None].repeat(1, 2)
    return Split(
        {side: array[start:end] for side, array in sides.items()},
        pairs,
        {side: found[start:end] for side, found in names.items()},
    )


def _write_print(file: IO[bytes], splits: dict[str, Split]) -> None:
    file.write(fingerprint(SIDES, splits).encode())


def _print(parts: Sequence[Part], splits: dict[str, Split], store: Path) -> str:
    """The fingerprint; stored, since reading millions of features takes longer than choosing among them."""
    path = store / f"features-{_stamp(parts)}.txt"
    return made_once(
        path,
        lambda file: _write_print(file, splits),
        lambda made: made.read_text(encoding="ascii"),
    )


def recognise(path: str, _captions: str = "") -> Draft | None:
    """A draft where files of features lie at a path."""
    where = Path(path)
    if not where.exists() or not (where.is_dir() or where.suffix in (".npz", ".parquet")):
        return None
    if where.is_dir() and not (where / FOLDERS["image"]).is_dir() and not next(where.rglob("*.npz"), None):
        return None
    try:
        options = FeaturesOptions(files=(path,))
        parts = find_parts(options)
    except DataError:
        return None
    keys = {side: parts[0].keys[side] for side in SIDES if parts[0].keys[side]}
    said = {f"{side} features: {key}": f"-o {side}=KEY" for side, key in keys.items()}
    widths = {side: parts[0].array(side).shape[1] for side in SIDES}
    return Draft(
        "features that others computed; no image is opened",
        {"files": [path], **keys},
        guesses=said,
        encoders={side: f"features-{side}:{width}" for side, width in widths.items()},
    )

"""What ``vlbench init`` learns of a user's videos and sounds."""

from __future__ import annotations

import os
import tarfile
from functools import partial
from itertools import islice
from pathlib import Path

from vlbench.data import Draft
from vlbench.errors import DataError
from vlbench_media.annotations import FILES
from vlbench_media.folder import TABLES, VIDEOS, Columns, Row, columns_of, is_media, rows_of, splits_of
from vlbench_media.options import FolderOptions

PUBLISHED = {"didemo": ("video", "text"), "audiocaps": ("audio", "text"), "clotho": ("audio", "text")}
_PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
_LOOKED = 30
"""Members of a shard that tell what it holds."""
_OTHERS = {".tar", ".parquet", ".arrow", ".zip"}
"""Files that readers of pictures may take."""


def published(name: str, path: str, captions: str = "") -> Draft | None:
    """A draft where the annotation files of a public set lie in the folder, under their names."""
    root = Path(path).expanduser()
    if captions or not all((root / file).is_file() for file in FILES[name]):
        return None
    sides = PUBLISHED[name]
    said = {_said_sides(sides): "-o sides=SIDE,SIDE"}
    options = {"root": str(root), "sides": list(sides)}
    return Draft(f"the annotation files of {name}", options, said, bad={"skip_bad": True}, sides=sides)


didemo, audiocaps, clotho = (partial(published, name) for name in PUBLISHED)


def media(path: str, captions: str = "") -> Draft | None:
    """A draft for videos or sounds with a text beside each, or with a table of file names and captions.

    Raises:
        DataError: there are videos or sounds, and no captions; or they are in tar files.
    """
    where = Path(path).expanduser()
    _refuse_shards(where)
    table = captions or (where.name if where.is_file() else "")
    root = where if where.is_dir() else where.parent
    if not where.exists() or (table and not _columns(root, table)):
        return None
    if not table:
        table = next((one.name for one in sorted(root.iterdir()) if _columns(root, one.name)), "")
    if not table and not _texts_beside(root):
        return None
    return _draft(root, table)


def _refuse_shards(where: Path) -> None:
    """Raise where tar files hold videos or sounds: they are decoded once, so that shards would save nothing."""
    folder = where if where.is_dir() else where.parent
    first = where if where.is_file() else next(iter(sorted(folder.glob("*.tar"))), where)
    if first.suffix.lower() != ".tar" or not first.is_file():
        return
    try:
        with tarfile.open(first) as shard:
            names = [member.name for member in islice(shard, _LOOKED)]
    except (OSError, tarfile.TarError):
        return  # the reader of pictures says what is wrong with it
    if any(map(is_media, names)) and not any(Path(name).suffix.lower() in _PICTURES for name in names):
        shards = first if where.is_file() else folder / "*.tar"
        raise DataError(
            f"{first}: holds videos or sounds, which are read from a folder. Unpack: mkdir clips; for one in {shards}; "
            f"do tar -xf $one -C clips; done. Then: vlbench init clips"
        )


def _columns(root: Path, table: str) -> Columns | None:
    """Of a table of media; None for any other file."""
    path = root / table if (root / table).exists() else Path(table)
    if path.suffix.lower() not in TABLES or not path.is_file():
        return None
    try:
        return columns_of(path, FolderOptions())
    except DataError:
        return None


def _texts_beside(root: Path) -> bool:
    """Whether videos or sounds have texts beside them, and no picture has.

    Raises:
        DataError: nothing but videos or sounds is there, and no caption.
    """
    media, others, with_text = 0, 0, 0
    for _, _, names in os.walk(root):
        texts = {Path(name).stem for name in names if name.lower().endswith(".txt")}
        found = [name for name in names if is_media(name)]
        media += len(found)
        with_text += sum(Path(name).stem in texts for name in found)
        others += sum(Path(name).suffix.lower() in _PICTURES | _OTHERS for name in names)
    if others or not media:
        return False
    if not with_text:
        raise DataError(
            f"{root}: {media:,} videos or sounds without captions. Put a text beside each (a.mp4, a.txt), or "
            f"name a CSV or JSONL of file names and captions: --captions FILE. Suites of public sets: vlbench suites."
        )
    return True


def _draft(root: Path, table: str) -> Draft:
    rows = rows_of(root, FolderOptions(table=table))
    seen = any(Path(row.name).suffix.lower() in VIDEOS for row in rows)
    sides = ("video" if seen else "audio", "text")
    options = {"root": str(root), "sides": list(sides)} | ({"table": table} if table else {})
    said = {_said_sides(sides): "-o sides=audio,text" if seen else ""}
    columns = _columns(root, table) if table else None
    if columns:
        said[f"file column: {columns.file}"] = "-o file_column=NAME"
        if columns.sound:
            said[f"sound column: {columns.sound}"] = "-o sound_column=NAME"
        said[f"caption column: {', '.join(columns.captions)}"] = "-o caption_column=NAME"
    kind = "videos" if seen else "sounds"
    form = f"{kind} named by {table}" if table else f"{kind} with a text file beside each"
    return Draft(form, options, said | _said_splits(rows), bad={"skip_bad": True}, sides=sides)


def _said_sides(sides: tuple[str, ...]) -> str:
    return f"sides: {' and '.join(sides)}"


def _said_splits(rows: list[Row]) -> dict[str, str]:
    counts = ", ".join(f"{split} {len(found):,}" for split, found in splits_of(rows, 0).items())
    if all(row.split for row in rows):
        return {f"splits from the column 'split': {counts}": ""}
    return {f"splits drawn by file: {counts}": "-o seed=N, or a column named split"}

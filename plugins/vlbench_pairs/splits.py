"""Splits by image where files tell none: 80/10/10, drawn by a seed; the same picture is never in two of them."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random

from vlbench.data import EncodedImage
from vlbench.errors import DataError
from vlbench_pairs.rows import SPLITS, Fields, Records

SHARE, MOST = 0.1, 5_000
"""Of the images that val and test each take, and how many at most."""


def draw_splits(records: Records, files: Mapping[str, EncodedImage], seed: int, *, mended: bool = True) -> str:
    """Give records without a split one, and fill a split that has none from train; in place.

    Args:
        records: split -> its images; those without a split stand under "".
        files: image name -> its file.
        seed: of the draw.
        mended: a split without images is filled.

    Returns:
        What was drawn, in a sentence; empty where nothing was.

    Raises:
        DataError: some images have a split and some have none, or there are too few to split.
    """
    loose = records.pop("", [])
    own = [split for split in SPLITS if records[split]]
    empty = [split for split in SPLITS if not records[split]]
    _check(loose, own, empty, records, mended=mended)
    if not empty:
        return ""
    source = "train" if records["train"] else max(own, key=lambda split: len(records[split]), default="")
    pool = records[source] if source else loose
    wanted = [split for split in SPLITS[1:] if not records[split] or split == source]
    drawn = _draw(pool, files, Random(f"{seed}"), wanted, unit=f"split {source!r}" if source else "the data")
    taken = {name for names in drawn.values() for name in names}
    for split in wanted:
        records[split] = [record for record in pool if record.image in drawn[split]]
    records["train"] = [record for record in pool if record.image not in taken]
    counts = ", ".join(f"{len(records[split]):,} {split}" for split in SPLITS)
    what = f"no split {' and no '.join(empty)}" if source else "no split"
    return f"{what} in the files: drawn by image from {source or 'all'} with seed {seed} ({counts})"


def _check(
    loose: Sequence[Fields], own: Sequence[str], empty: Sequence[str], records: Records, *, mended: bool
) -> None:
    if loose and own:
        raise DataError(
            f"{loose[0].where}: image {loose[0].image!r} has no split, and {len(records[own[0]])} images are in "
            f"{own[0]!r}. Give a file or a list (option 'splits') for each split, or a split for each image."
        )
    if own and empty and not mended:
        raise DataError(f"no images in split {empty[0]!r} (with images: {', '.join(own)}). Add them to the lists.")


def _draw(
    pool: Sequence[Fields], files: Mapping[str, EncodedImage], random: Random, wanted: Sequence[str], *, unit: str
) -> dict[str, set[str]]:
    """Split -> names of its images; pictures of the same bytes stay together."""
    groups = _same_bytes(pool, files)
    if len(groups) <= len(wanted):
        raise DataError(f"{unit} has {len(groups)} different images, too few to draw {' and '.join(wanted)} from.")
    random.shuffle(groups)
    count = min(MOST, max(1, round(SHARE * len(pool))))
    drawn: dict[str, set[str]] = {}
    for split in wanted:
        chosen: set[str] = set()
        while len(chosen) < count and len(groups) > len(wanted) - len(drawn):
            chosen.update(groups.pop())
        drawn[split] = chosen
    return drawn


def _same_bytes(pool: Sequence[Fields], files: Mapping[str, EncodedImage]) -> list[list[str]]:
    """Names of images by content. Only files of equal size are read."""
    names = sorted(record.image for record in pool)
    sizes = Counter(files[name].size for name in names)
    groups: dict[object, list[str]] = {}
    for name in sorted(names, key=lambda name: files[name].position):
        file = files[name]
        doubt = file.size < 0 or sizes[file.size] > 1
        groups.setdefault(_digest(file) if doubt else name, []).append(name)
    return sorted((sorted(group) for group in groups.values()), key=lambda group: group[0])


def _digest(file: EncodedImage) -> object:
    try:
        return hashlib.sha256(file.read()).digest()
    except Exception:  # what cannot be read is told, or left out, when it is decoded
        return file.where

"""Captions in another folder than their pictures: images/x.jpg and captions/x.txt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import PurePosixPath

from vlbench.errors import DataError
from vlbench_pairs.columns import IMAGE_SUFFIXES
from vlbench_pairs.sources import Member

CAPTIONS = ("txt", "caption", "text", "cap", "json")
LEVELS = (0, 1, 2)
"""Folders of a path of which one may be that of a side."""
LOOKED_AT = 20
Samples = dict[str, dict[str, Member]]


def in_one(samples: Samples, where: str) -> Samples:
    """Samples by path and suffix, put together where captions and pictures lie in folders of their own.

    Only where no picture has a caption in its own folder. Then one folder is left out of the paths of the pictures, of
    the captions or of both, the first for which any meet and no two of a kind become one.

    Raises:
        DataError: what meets holds no words, as labels and boxes do not.
    """
    both = [one for one in samples.values() if _has(one, _IMAGES) and _has(one, CAPTIONS)]
    if both:
        _check_words(both[:LOOKED_AT], where)
        return samples
    pictures = {key: one for key, one in samples.items() if _has(one, _IMAGES)}
    captions = {key: one for key, one in samples.items() if _has(one, CAPTIONS)}
    if not pictures or not captions:
        return samples
    if named := _without_tail(captions, pictures):
        return {key: one | named.get(key, {}) for key, one in pictures.items()}
    for left_out in sorted(product((None, *LEVELS), repeat=2), key=lambda pair: (None in pair, pair[0] != pair[1])):
        moved = [_without(found, level) for found, level in zip((pictures, captions), left_out, strict=True)]
        if all(moved) and (met := moved[0].keys() & moved[1].keys()):
            _check_words([moved[1][key] for key in sorted(met)[:LOOKED_AT]], where)
            return {key: moved[0].get(key, {}) | moved[1].get(key, {}) for key in {**moved[0], **moved[1]}}
    return samples


def _without_tail(captions: Samples, pictures: Samples) -> Samples:
    """Captions under the names of their pictures, where all end alike: ``x_caption.txt`` is that of ``x.jpg``."""
    split = [_TAIL.fullmatch(key) for key in captions]
    ends = {match[2] for match in split if match and match[1] in pictures}
    if len(ends) != 1:
        return {}
    (end,) = ends
    return {key.removesuffix(end): one for key, one in captions.items() if key.endswith(end)}


_TAIL = re.compile(r"(.+)([_.-][A-Za-z]+)")
_IMAGES = tuple(suffix.removeprefix(".") for suffix in IMAGE_SUFFIXES)


def _has(sample: Iterable[str], suffixes: tuple[str, ...]) -> bool:
    return any(suffix.rpartition(".")[2] in suffixes for suffix in sample)


def _without(samples: Samples, level: int | None) -> Samples:
    """Samples under their paths without one folder; none where two become one."""
    if level is None:
        return samples
    moved = {_path_without(key, level): sample for key, sample in samples.items()}
    return moved if len(moved) == len(samples) else {}


def _path_without(key: str, level: int) -> str:
    parts = PurePosixPath(key).parts
    return "/".join((*parts[:level], *parts[level + 1 :])) if level < len(parts) - 1 else key


def _check_words(captions: Iterable[Mapping[str, Member]], where: str) -> None:
    texts = [member for sample in captions for suffix, member in sample.items() if suffix in CAPTIONS]
    if not any(any(byte > 127 or chr(byte).isalpha() for byte in member.file.read()) for member in texts):
        raise DataError(
            f"{where}: {texts[0].file.name} and others hold no words: labels or boxes, and no captions. Name the file "
            f"with the captions: vlbench init {where} --captions FILE."
        )

"""Captions in another folder than their pictures: images/x.jpg and captions/x.txt."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import PurePosixPath

from vlbench.errors import DataError
from vlbench_pairs.columns import IMAGE_SUFFIXES
from vlbench_pairs.sources import Member, content_of

CAPTIONS = ("txt", "caption", "text", "cap", "json")
LEVELS = (0, 1, 2)
"""Folders of a path of which one may be that of a side."""
LOOKED_AT = 20
_WAYS = sorted(product((None, *LEVELS), repeat=2), key=lambda pair: (None in pair, pair[0] != pair[1]))
Samples = dict[str, dict[str, Member]]


def in_one(samples: Samples, where: str) -> Samples:
    """Samples by path and suffix, put together where captions and pictures lie in folders of their own.

    Only where no picture has a caption in its own folder. Then one folder is left out of the paths of the pictures, of
    the captions or of both, the first for which any meet and no two of a kind become one; and where none do, what
    names begin or end with is left out too.

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
    for left_out in _WAYS:
        one, other = (_without(found, level) for found, level in zip((pictures, captions), left_out, strict=True))
        if met := one.keys() & other.keys():
            _check_words([other[key] for key in sorted(met)[:LOOKED_AT]], where)
            return {key: one.get(key, {}) | other.get(key, {}) for key in {**one, **other}}
    for left_out in ((None, None), *_WAYS):
        one, other = (_without(found, level) for found, level in zip((pictures, captions), left_out, strict=True))
        if named := _by_affix(other, one):
            _check_words(list(named.values())[:LOOKED_AT], where)
            return {key: sample | named.get(key, {}) for key, sample in one.items()}
    return samples


def _by_affix(captions: Samples, pictures: Samples) -> Samples:
    """Pictures with their captions, where most names of a side begin or end alike.

    ``x_caption.txt`` and ``caption_x.txt`` are those of ``x.jpg``, ``cap_1.txt`` is that of ``img_1.jpg``. Nothing
    where more than one way of reading the names brings some together.
    """
    ways = []
    for of_captions, of_pictures in product(_affixes(captions), _affixes(pictures)):
        named = {_bare(key, of_captions): one for key, one in captions.items() if _bare(key, of_captions) != key}
        if not of_captions[0] and not of_captions[1]:
            named = captions
        found = {key: named[_bare(key, of_pictures)] for key in pictures if _bare(key, of_pictures) in named}
        if found:
            ways.append(found)
    return ways[0] if len(ways) == 1 else {}


def _affixes(samples: Iterable[str]) -> list[tuple[str, str]]:
    """Beginnings and ends, of letters and a mark, that at least half of the names share; none comes first."""
    names = [key.rpartition("/")[2] for key in samples]
    heads = Counter(match[1] for name in names if (match := _HEAD.fullmatch(name)))
    tails = Counter(match[1] for name in names if (match := _TAIL.fullmatch(name)))
    return [
        ("", ""),
        *((head, "") for head, count in heads.items() if 2 * count >= len(names)),
        *(("", tail) for tail, count in tails.items() if 2 * count >= len(names)),
    ]


def _bare(key: str, affix: tuple[str, str]) -> str:
    """A path whose name lacks what it begins or ends with."""
    folder, slash, name = key.rpartition("/")
    return f"{folder}{slash}{name.removeprefix(affix[0]).removesuffix(affix[1])}"


_HEAD = re.compile(r"([A-Za-z]+[_.-]).+")
_TAIL = re.compile(r".+?([_.-][A-Za-z]+)")
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
    texts = [one for sample in captions for suffix, one in sample.items() if suffix.rpartition(".")[2] in CAPTIONS]
    if texts and not any(map(_has_words, texts)):
        raise DataError(
            f"{where}: {texts[0].file.name} and others hold no words: labels or boxes, and no captions. Name the file "
            f"with the captions: vlbench init {where} --captions FILE."
        )


def _has_words(member: Member) -> bool:
    try:
        return any(byte > 127 or chr(byte).isalpha() for byte in content_of(member))
    except DataError:  # it is named, or left out, where captions are read
        return True

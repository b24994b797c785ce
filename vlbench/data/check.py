"""What a dataset holds, and what about it would mislead: counts, lengths, duplicates, near-duplicates, blanks."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench.data.pairs import PairDataset, Split

FEW = 100
"""Items of the first side in test, below which R@10 says little."""
LONG = 60
"""Words of a text beyond which most text encoders cut it."""
CHUNK = 1024
_WORD = re.compile(r"[^\W_]")


@dataclass
class Report:
    """What was found.

    Attributes:
        facts: what -> how many, in words.
        warnings: a sentence each.
    """

    facts: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def check_data(dataset: PairDataset) -> Report:
    """Look at all items of a dataset once."""
    report = Report()
    first, second = dataset.sides
    for name, split in dataset.splits.items():
        report.facts[name] = (
            f"{split.count(first):,} {first}, {split.count(second):,} {second}, {len(split.pairs):,} pairs"
        )
        _pairs_per_item(report, name, split, first)
        _texts(report, name, split)
    _overlaps(report, dataset)
    tests = dataset.split("test").count(first)
    if tests < FEW:
        report.warnings.append(f"test has {tests} {first} items; with fewer than {FEW}, R@10 is high for any student")
    report.warnings += [note for note in dataset.notes if note not in report.warnings]
    return report


def _pairs_per_item(report: Report, name: str, split: Split, side: str) -> None:
    counts = sorted(Counter(split.pairs[:, 0].tolist()).values())
    each = f"{'an' if side[0] in 'aeiou' else 'a'} {side} item"
    report.facts[f"{name}, pairs {each}"] = f"{counts[0]} to {counts[-1]}, median {counts[len(counts) // 2]}"
    unused = split.count(side) - len(counts)
    if unused:
        report.warnings.append(f"{name}: {unused} {side} items are in no pair")


def _texts(report: Report, name: str, split: Split) -> None:
    for side, items in split.items.items():
        if not isinstance(items, list):
            continue
        lengths = sorted(len(text.split()) for text in items)
        report.facts[f"{name}, words a {side} item"] = (
            f"{lengths[0]} to {lengths[-1]}, median {lengths[len(lengths) // 2]}"
        )
        found = {
            "hold no letter and no digit": sum(not _WORD.search(text) for text in items),
            f"have more than {LONG} words, which most text encoders cut": sum(length > LONG for length in lengths),
            "are the text of another item too": len(items) - len(set(items)),
        }
        report.warnings += [f"{name}: {count:,} {side} items {what}" for what, count in found.items() if count]


@dataclass
class _Overlap:
    """Items met so far on one side: equal ones in one split and across splits, and pictures that look alike."""

    dataset: PairDataset
    side: str
    exact: dict[object, tuple[str, int]] = field(default_factory=dict)
    alike: dict[int, str] = field(default_factory=dict)
    twice: Counter[str] = field(default_factory=Counter)
    across: list[str] = field(default_factory=list)
    near: Counter[str] = field(default_factory=Counter)

    def meet(self, split: str, index: int, mark: object, look: int | None) -> None:
        """The next item."""
        known = self.exact.setdefault(mark, (split, index))
        if known == (split, index):
            if look is not None and self.alike.setdefault(look, split) != split:
                self.near[f"{self.alike[look]} and {split}"] += 1
        elif known[0] == split:
            self.twice[split] += 1
        else:
            self.across.append(f"{self._name(*known)} = {self._name(split, index)}")

    def _name(self, split: str, index: int) -> str:
        names = self.dataset.split(split).names.get(self.side)
        return f"{split} {names[index] if names else index}"

    def warnings(self) -> list[str]:
        """In sentences."""
        side, some = self.side, ", ".join(self.across[:2])
        found = [f"{len(self.across):,} {side} items are in two splits, to the bit: {some}"] if self.across else []
        found += [f"{split}: {count:,} {side} items are there twice" for split, count in self.twice.items()]
        return found + [
            f"{count:,} {side} items of {where} look alike (near-duplicates)" for where, count in self.near.items()
        ]


def _overlaps(report: Report, dataset: PairDataset) -> None:
    """Items that are in two splits, or twice in one; not texts, since two images may well have one caption."""
    for side in dataset.sides:
        if isinstance(dataset.split("train").items[side], list):
            continue
        overlap = _Overlap(dataset, side)
        for name, split in dataset.splits.items():
            for index, (mark, look) in enumerate(_marks(split.items[side])):
                overlap.meet(name, index, mark, look)
        report.warnings += overlap.warnings()


def _marks(items: Tensor) -> Iterator[tuple[object, int | None]]:
    """Of each item, what is equal for equal ones; and, of pictures, a hash of how light goes from left to right."""
    for part in items.split(CHUNK):
        looks = _looks(part) if part.ndim == 4 else [None] * len(part)
        for item, look in zip(part, looks, strict=True):
            yield hashlib.blake2b(item.contiguous().numpy().tobytes(), digest_size=16).digest(), look


def _looks(pictures: Tensor) -> list[int | None]:
    """64 bits of each picture [picture, channel, height, width]; None of one that is nearly one colour."""
    from torch.nn import functional as F

    grey = F.adaptive_avg_pool2d(pictures.float().mean(1, keepdim=True), (8, 9))[:, 0]
    bits = (grey[:, :, 1:] > grey[:, :, :-1] + 1).flatten(1).tolist()
    hashes = [sum(1 << place for place, bit in enumerate(row) if bit) for row in bits]
    return [look if look.bit_count() >= 8 else None for look in hashes]

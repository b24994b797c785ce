"""A dataset of pairs: items of two sides, which of them belong together, and splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vlbench.errors import DataError, PluginError

if TYPE_CHECKING:
    from torch import Tensor

Items = Any
"""Items of one side: a tensor [item, ...] (uint8 pictures [item, channel, height, width], float32 spectrograms), or a
list of str; indexable by position."""

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Items of both sides and the pairs between them.

    Attributes:
        items: side name -> items of that side.
        pairs: int64 [pair, 2]; position of each pair's item on the first and on the second side.
        names: side name -> a printable name of each item (a file name, say), where there is one.

    Examples:
        >>> import torch, vlbench
        >>> pixels = torch.zeros(2, 3, 8, 8, dtype=torch.uint8)
        >>> captions = ["a dog", "a dog runs", "a cat"]  # the first two belong to the first image
        >>> split = vlbench.Split({"image": pixels, "text": captions}, torch.tensor([[0, 0], [0, 1], [1, 2]]))
        >>> split.count("image"), split.count("text"), len(split.pairs)
        (2, 3, 3)
    """

    items: dict[str, Items]
    pairs: Tensor
    names: dict[str, Sequence[str]] = field(default_factory=dict)

    def count(self, side: str) -> int:
        """Number of items on a side."""
        return len(self.items[side])


@dataclass(frozen=True)
class PairDataset:
    """Both sides' names, the splits and a fingerprint of the content.

    Attributes:
        name: what the protocol calls it.
        sides: the two side names, query side of ``TR`` first: ``("image", "text")``.
        splits: ``train``, ``val`` and ``test``.
        fingerprint: SHA-256 over the content, see :func:`vlbench.fingerprint`.
        mock: a stand-in made to try a protocol; rows on it are never ranked.
        notes: what its user should hear: what was guessed, drawn, mended or left out; a sentence each.

    Raises:
        vlbench.errors.DataError: a split has other sides, no pair, or a pair of an item that is not there.

    Examples:
        >>> import torch, vlbench
        >>> split = vlbench.Split({"image": torch.zeros(1, 3, 8, 8), "text": ["black"]}, torch.tensor([[0, 0]]))
        >>> splits = {"train": split, "val": split, "test": split}
        >>> sides = ("image", "text")
        >>> dataset = vlbench.PairDataset("black", sides, splits, vlbench.fingerprint(sides, splits))
        >>> dataset.split("train").items["text"]
        ['black']
    """

    name: str
    sides: tuple[str, str]
    splits: dict[str, Split]
    fingerprint: str
    mock: bool = False
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, split in self.splits.items():
            _check_split(f"{self.name}/{name}", split, self.sides)

    def split(self, name: str) -> Split:
        """A split by name.

        Raises:
            DataError: there is none of that name.
        """
        if name not in self.splits:
            raise DataError(f"dataset {self.name!r} has no split {name!r}. It has: {', '.join(self.splits)}.")
        return self.splits[name]


def as_dataset(value: object, target: str) -> PairDataset:
    """What a dataset's target returned, or PluginError where that is something else."""
    if not isinstance(value, PairDataset):
        raise PluginError(f"{target} returned {type(value).__name__}, not a vlbench.PairDataset.")
    return value


def _check_split(where: str, split: Split, sides: tuple[str, str]) -> None:
    if set(split.items) != set(sides):
        raise DataError(f"{where}: items of sides {sorted(split.items)}, expected {sorted(sides)}.")
    if split.pairs.ndim != 2 or split.pairs.shape[1] != 2 or len(split.pairs) == 0:
        raise DataError(
            f"{where}: pairs have shape {list(split.pairs.shape)}, expected [pair, 2] with at least one pair."
        )
    for column, side in enumerate(sides):
        low, high = int(split.pairs[:, column].min()), int(split.pairs[:, column].max())
        if low < 0 or high >= split.count(side):
            raise DataError(
                f"{where}: a pair names {side} {high if low >= 0 else low}, but there are {split.count(side)}."
            )

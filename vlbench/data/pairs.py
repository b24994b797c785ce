"""A dataset of pairs: items of two or more sides, which of them belong together, and splits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from vlbench.errors import DataError, PluginError, ProtocolError

if TYPE_CHECKING:
    from torch import Tensor

Items = Any
"""Items of one side: a tensor [item, ...] (uint8 pictures [item, channel, height, width], float32 spectrograms), or a
list of str; indexable by position."""

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """Items of the sides and the pairs between them.

    Attributes:
        items: side name -> items of that side.
        pairs: int64 [pair, 2]; position of each pair's item on the first and on the second side. Of a dataset with
            more sides [pair, side]: the items of all sides that belong together.
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
    """The sides' names, the splits and a fingerprint of the content.

    Attributes:
        name: what the protocol calls it.
        sides: the side names, query side of ``TR`` first: ``("image", "text")``. Of more than two, a suite takes two.
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
    sides: tuple[str, ...]
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

    def taking(self, sides: Sequence[str]) -> PairDataset:
        """The same data with two of its sides: what a suite takes by ``[data] sides``.

        Pairs that differ on the sides left out alone become one, and items in no pair are left where they are.

        Args:
            sides: two different side names, first side first; none where the dataset has just two.

        Raises:
            ProtocolError: one of them is no side, or none is named and the dataset has more than two.

        Examples:
            >>> import torch, vlbench
            >>> items = {"video": torch.zeros(1, 2, 3, 8, 8), "audio": torch.zeros(1, 8, 8), "text": ["a dog", "barks"]}
            >>> split = vlbench.Split(items, torch.tensor([[0, 0, 0], [0, 0, 1]]))
            >>> dataset = vlbench.PairDataset("dogs", ("video", "audio", "text"), {"train": split}, "0" * 64)
            >>> dataset.taking(["audio", "video"]).split("train").pairs.tolist()
            [[0, 0]]
        """
        if (not sides and len(self.sides) == 2) or tuple(sides) == self.sides:
            return self
        if len(set(sides)) != 2 or not set(sides) <= set(self.sides):
            named = ", ".join(sides) or "not given"
            raise ProtocolError(
                f"dataset {self.name!r} has the sides {', '.join(self.sides)}; data.sides is {named}. Name two of them "
                f'in the suite, as in sides = ["{self.sides[0]}", "{self.sides[1]}"] under [data].'
            )
        columns = [self.sides.index(side) for side in sides]
        about = hashlib.sha256(f"{self.fingerprint} {' '.join(sides)}".encode()).hexdigest()
        splits = {name: _taking(split, sides, columns) for name, split in self.splits.items()}
        return replace(self, sides=tuple(sides), splits=splits, fingerprint=about)


def as_dataset(value: object, target: str) -> PairDataset:
    """What a dataset's target returned, or PluginError where that is something else."""
    if not isinstance(value, PairDataset):
        raise PluginError(f"{target} returned {type(value).__name__}, not a vlbench.PairDataset.")
    return value


def _taking(split: Split, sides: Sequence[str], columns: list[int]) -> Split:
    seen: dict[tuple[int, ...], None] = dict.fromkeys(map(tuple, split.pairs[:, columns].tolist()))
    pairs = split.pairs.new_tensor(list(seen))
    names = {side: split.names[side] for side in sides if side in split.names}
    return Split({side: split.items[side] for side in sides}, pairs, names)


def _check_items(where: str, items: Items) -> None:
    """One tensor of real numbers, or texts: not one text, which is a sequence too, nor whatever can be iterated."""
    import torch

    if isinstance(items, torch.Tensor):
        if items.is_complex() or items.dtype == torch.bool:
            raise DataError(f"{where}: items are {items.dtype}, expected whole or real numbers.")
        return
    if isinstance(items, str | bytes):
        raise DataError(f"{where}: items are one {type(items).__name__}; they are one tensor, or a list of str.")
    other = next((type(item).__name__ for item in items if not isinstance(item, str)), "")
    if other:
        raise DataError(f"{where}: an item is a {other}; items are one tensor, or a list of str.")


def _check_split(where: str, split: Split, sides: tuple[str, ...]) -> None:
    if set(split.items) != set(sides):
        raise DataError(f"{where}: items of sides {sorted(split.items)}, expected {sorted(sides)}.")
    if split.pairs.ndim != 2 or split.pairs.shape[1] != len(sides) or len(split.pairs) == 0:
        found = list(split.pairs.shape)
        raise DataError(f"{where}: pairs have shape {found}, expected [pair, {len(sides)}] with at least one pair.")
    if str(split.pairs.dtype) != "torch.int64":
        raise DataError(f"{where}: pairs are {split.pairs.dtype}, expected torch.int64.")
    for column, side in enumerate(sides):
        _check_items(f"{where}/{side}", split.items[side])
        if split.names.get(side) and len(split.names[side]) != split.count(side):
            raise DataError(f"{where}/{side}: {len(split.names[side])} names of {split.count(side)} items.")
        low, high = int(split.pairs[:, column].min()), int(split.pairs[:, column].max())
        if low < 0 or high >= split.count(side):
            raise DataError(
                f"{where}: a pair names {side} {high if low >= 0 else low}, but there are {split.count(side)}."
            )

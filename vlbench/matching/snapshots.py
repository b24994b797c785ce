"""An expert's snapshots on disk: an entry of the cache for each, so that a path can end early and grow later.

A path that was trained to snapshot 7 is the beginning of one that is trained to snapshot 12: who asks for more goes on
from the last one that is there, and so does training that was interrupted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, overload

import torch
from torch import Tensor

from vlbench.cache import Cache, Key
from vlbench.disk.locks import alone, alone_if_free
from vlbench.disk.sums import short_hash
from vlbench.matching.gradient import Parameters
from vlbench.threads import side_by_side

KIND = "experts"
FLOAT32, BF16 = "float32", "bf16"
STORED = (FLOAT32, BF16)
"""How snapshots are stored: as they are; or the first as it is, and differences to the one before in bf16."""
Next = Callable[[int, Parameters | None], Parameters]
"""Number of a snapshot, and the one before it (None for the first) -> its parameters, on the CPU."""


class Snapshots(Sequence[Tensor]):
    """Snapshots of one branch, memory-mapped: what is not asked for is not read, and processes share what is.

    Args:
        parts: of each snapshot [parameter]: the first in float32; the others too, or differences in bf16.

    Examples:
        >>> import torch
        >>> from vlbench.matching.snapshots import Snapshots
        >>> path = Snapshots([torch.ones(3), torch.full((3,), 0.5, dtype=torch.bfloat16)])
        >>> path[1], path.shape
        (tensor([1.5000, 1.5000, 1.5000]), torch.Size([2, 3]))
    """

    def __init__(self, parts: Sequence[Tensor]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        return len(self._parts)

    @overload
    def __getitem__(self, number: int) -> Tensor: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Tensor]: ...
    def __getitem__(self, number: int | slice) -> Tensor | Sequence[Tensor]:
        """A snapshot [parameter], float32; of a slice, those in it."""
        if isinstance(number, slice):
            return [self[each] for each in range(len(self))[number]]
        number = range(len(self))[number]
        if self._parts[number].dtype == torch.float32:
            # Copied, since a tensor read from a file may lie at an odd address: sums differ in their last bits.
            return self._parts[number].clone()
        whole = self._parts[0].clone()
        for difference in self._parts[1 : number + 1]:
            whole += difference
        return whole

    @property
    def shape(self) -> torch.Size:
        """[snapshot, parameter]."""
        return torch.Size([len(self), len(self._parts[0])])


@dataclass(frozen=True)
class Series:
    """The snapshots of one expert in a cache.

    Attributes:
        cache: where they are.
        key: of the expert; that of a snapshot has its number, too.
        stored: one of :data:`STORED`.
    """

    cache: Cache
    key: Key
    stored: str

    @property
    def name(self) -> str:
        """Of its lock."""
        return f"{KIND}-{short_hash(self.key)}"

    def parts(self, last: int) -> list[Parameters]:
        """What is stored of snapshots 0 to ``last``, up to the first that is missing; memory-mapped."""
        found: list[Parameters] = []
        for number in range(last + 1):
            part = self.cache.mapped(KIND, self._key(number))
            if part is None:
                break
            found.append(part)
        return found

    def extend(self, last: int, following: Next) -> list[Parameters]:
        """The same, with all of them: what is missing is made and stored, one after the other."""
        parts = self.parts(last)
        now = {branch: path[-1] for branch, path in branches(parts).items()} if parts else None
        for number in range(len(parts), last + 1):
            new = following(number, now)
            if self.stored == BF16 and now is not None:
                change = {branch: (flat - now[branch]).bfloat16() for branch, flat in new.items()}
                # Training goes on from what is stored, so that a path does not depend on where it was cut.
                now = {branch: now[branch] + difference for branch, difference in change.items()}
                new = change
            else:
                now = new
            self.cache.store(KIND, self._key(number), new)
        return self.parts(last)

    def _key(self, number: int) -> Key:
        more: dict[str, Any] = {"snapshot": number}
        return self.key | more | ({"stored": self.stored} if self.stored != FLOAT32 and number else {})


def branches(parts: Sequence[Parameters]) -> dict[str, Snapshots]:
    """Branch -> its snapshots."""
    return {branch: Snapshots([part[branch] for part in parts]) for branch in parts[0]}


def paths(
    wanted: Sequence[tuple[Series, Next]], last: int, report: Callable[[str], None], *, together: int = 1
) -> Iterator[tuple[int, dict[str, Snapshots]]]:
    """Snapshots 0 to ``last`` of several experts; processes that want the same ones share the work.

    One that another process is making is passed over, and waited for when nothing else is left to do here.

    Args:
        wanted: of each, where its snapshots are, and how one follows another.
        last: number of the last snapshot.
        report: takes a line when a process waits for another.
        together: how many are trained side by side, each on one thread; 1: one after the other, on all.

    Yields:
        place in ``wanted`` and branch -> snapshots, as they come.
    """
    missing: list[int] = []
    others: list[int] = []
    for index, (series, _) in enumerate(wanted):
        found = series.parts(last)
        if len(found) > last:
            yield index, branches(found)
        else:
            missing.append(index)
    while missing:
        yield from _some(wanted, last, missing=missing, others=others, together=together)
    for index in others:
        series, following = wanted[index]
        with alone(series.cache.root, series.name, report, what=f"cache: {KIND}"):
            yield index, branches(series.extend(last, following))


def _some(
    wanted: Sequence[tuple[Series, Next]], last: int, *, missing: list[int], others: list[int], together: int
) -> list[tuple[int, dict[str, Snapshots]]]:
    """The next ones of ``missing``, which are taken out of it; those that other processes make go to ``others``."""
    mine: list[int] = []
    with contextlib.ExitStack() as locks:
        while missing and len(mine) < together:
            index = missing.pop(0)
            series = wanted[index][0]
            free = locks.enter_context(alone_if_free(series.cache.root, series.name))
            (mine if free else others).append(index)
        jobs = [partial(wanted[index][0].extend, last, wanted[index][1]) for index in mine]
        found = [job() for job in jobs] if together == 1 else side_by_side(jobs)
        return [(index, branches(parts)) for index, parts in zip(mine, found, strict=True)]

"""What the rows of a command share: features of encoders, experts, and whatever else of the data lies in the cache."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from vlbench.cache import KEY
from vlbench.errors import VlbenchError
from vlbench.inventory import ENTRY
from vlbench.inventory import items as items_in
from vlbench.runs.plan import ABSENT, CACHED, TO_MAKE, Shared
from vlbench.students.build import encode, take
from vlbench.students.probe import PROBED
from vlbench.students.stored import is_given

if TYPE_CHECKING:
    from vlbench.encoders.base import Encoder
    from vlbench.runs.session import Session
    from vlbench.students.student import TowerConfig

FEATURES = "features"
QUICK_S, MORE = 0.5, (64, 512)
"""Where the first items take less, so many are timed, and so many again: a call has a cost of its own."""


def shared_of(session: Session) -> tuple[Shared, ...]:
    """Features of every student's encoders, then what else of the dataset the cache holds, by kind.

    Where an encoder cannot be made, as where its weights are not on this machine, that is said.
    """
    found: dict[Path | str, Shared] = {}  # students of the same encoder read the same features
    for name, student in session.students.items():
        for side, tower in student.towers.items():
            for place, one in _features(session, name, side, tower):
                found.setdefault(place, one)
    return (*found.values(), *_others(session))


def _features(session: Session, student: str, side: str, tower: TowerConfig) -> Iterator[tuple[Path | str, Shared]]:
    try:
        with torch.random.fork_rng(devices=[]):
            encoder = session.make_encoder(tower)
    except VlbenchError:
        what = f"features of {student}, {side}"
        yield what, Shared(what, ABSENT)
        return
    reads_train = tower.train == "frozen" or tower.standardise != "none"
    item_s = cache(lambda: _encoding_s(session, encoder, side))
    splits = dict.fromkeys([*(["train"] if reads_train else []), "val", session.protocol.training.split])
    for split in splits:
        items = session.dataset.split(split).items[side]
        if is_given(encoder, items):
            continue
        folder = session.cache.folder(FEATURES, session.builder.features_key(encoder, split, side))
        there = folder.exists()
        seconds = 0.0 if there else item_s() * len(items)
        size = 4 * encoder.width * len(items)
        yield folder, Shared(f"{split} features of {student}, {side}", CACHED if there else TO_MAKE, seconds, size)


def _encoding_s(session: Session, encoder: Encoder, side: str) -> float:
    """Seconds an item, by some items of train."""
    items = session.dataset.split("train").items[side]
    count = min(PROBED, len(items))
    encode(encoder, take(items, torch.arange(count)), session.device)  # the first time is longer
    for most in (count, *(min(more, len(items)) for more in MORE)):
        begin = time.perf_counter()
        encode(encoder, take(items, torch.arange(most)), session.device)
        seconds = time.perf_counter() - begin
        if seconds > QUICK_S:
            break
    return seconds / most


def _others(session: Session) -> Iterator[Shared]:
    """Entries of other kinds that were made from this dataset."""
    entries = [item for item in items_in(session.cache.root) if item.state == ENTRY and item.kind != FEATURES]
    own = [item for item in entries if _data_of(item.path / KEY) == session.dataset.fingerprint]
    for kind, group in groupby(own, key=lambda item: item.kind):
        sizes = [item.bytes for item in group]
        yield Shared(f"{kind}: {len(sizes)} of this dataset", CACHED, 0.0, sum(sizes))


def _data_of(file: Path) -> str:
    with contextlib.suppress(OSError, ValueError, AttributeError, RecursionError):
        return str(json.loads(file.read_bytes()).get("data", ""))
    return ""

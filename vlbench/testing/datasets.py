"""The rules that a dataset must keep, each called with :class:`DatasetHarness`."""

from __future__ import annotations

import dataclasses
import hashlib
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args, get_type_hints
from unittest import SkipTest

import torch
from torch import Tensor

from vlbench.data.fingerprint import fingerprint
from vlbench.data.pairs import SPLITS, Items, PairDataset, as_dataset
from vlbench.errors import VlbenchError
from vlbench.registry.options import parse_options
from vlbench.registry.specs import DatasetSpec, resolve
from vlbench.testing.results import Check, error_text, listed, require
from vlbench.testing.side_effects import GENERATORS, SETTINGS, changes, recorded_side_effects, restored_global_state


@dataclass(frozen=True)
class Loaded:
    """A dataset, and what was seen while it was loaded.

    Attributes:
        dataset: what the target returned.
        generators: global generators that it drew from.
        settings: settings of the process that it changed.
        writes: files written outside its store.
    """

    dataset: PairDataset
    generators: list[str]
    settings: list[str]
    writes: list[str]


class DatasetHarness:
    """Loads one dataset, into stores of its own.

    Args:
        spec: the dataset.
        folder: for everything that is written.
        options: of the dataset, as ``-o`` takes them.
    """

    def __init__(self, spec: DatasetSpec, folder: Path, options: Mapping[str, object]) -> None:
        self.spec, self.folder, self.given = spec, folder, dict(options)
        self._store = self.fresh_store()

    def fresh_store(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self.folder))

    @cached_property
    def loaded(self) -> Loaded:
        """The dataset as first loaded, into an empty store."""
        return self.load(self._store)

    @cached_property
    def fresh(self) -> Loaded:
        """A second load, into a new store: side effects of the first load's imports are not the plugin's."""
        self.loaded  # noqa: B018
        return self.load(self.fresh_store())

    @property
    def dataset(self) -> PairDataset:
        return self.loaded.dataset

    def again(self) -> PairDataset:
        """The dataset from the store that the first load has filled."""
        self.loaded  # noqa: B018
        return self.load(self._store).dataset

    def load(self, store: Path, **more: object) -> Loaded:
        """Load, observed; ``more`` are options in place of those given."""
        options: Any = parse_options(self.spec.options, {**self.given, **more}, owner=f"dataset {self.spec.name!r}")
        with restored_global_state(), recorded_side_effects((store,)) as seen:
            generators = {name: read() for name, read in GENERATORS.items()}
            settings = {name: read() for name, read in SETTINGS.items()}
            dataset = as_dataset(resolve(self.spec.target)(options, store), self.spec.target)
            drawn, changed = changes(GENERATORS, generators), changes(SETTINGS, settings)
        return Loaded(dataset, drawn, changed, seen.writes)


def check_data_has_the_agreed_form(harness: DatasetHarness) -> None:
    """A PairDataset of train, val and test, whose sides are tensors of finite numbers or lists of text, none blank."""
    dataset = harness.dataset
    splits = ", ".join(dataset.splits)
    require(set(dataset.splits) == set(SPLITS), f"its splits are {splits}. They must be {', '.join(SPLITS)}.")
    for name, split in dataset.splits.items():
        pairs = split.pairs
        require(pairs.dtype == torch.int64, f"{name}: pairs are {pairs.dtype}, expected int64 [pair, 2].")
        require(len(pairs.unique(dim=0)) == len(pairs), f"{name}: a pair stands there twice. List each pair once.")
        for side in dataset.sides:
            _check_items(split.items[side], f"{name}: {side}")


def _check_items(items: Items, where: str) -> None:
    if isinstance(items, Tensor):
        finite = not items.is_floating_point() or bool(items.isfinite().all())
        require(finite, f"{where}: a number is not finite.")
        return
    require(
        isinstance(items, list), f"{where}: items are a {type(items).__name__}, expected a tensor or a list of str."
    )
    for position, text in enumerate(items):
        found = type(text).__name__
        require(isinstance(text, str), f"{where}: item {position} is a {found}, expected str.")
        require(bool(text.strip()), f"{where}: item {position} is blank. Leave it out, with its pairs.")


def check_fingerprint_is_stable(harness: DatasetHarness) -> None:
    """Loads into two empty stores, and one from a full store, give the fingerprint that the content has."""
    first = harness.dataset
    content = fingerprint(first.sides, first.splits)
    require(
        first.fingerprint == content,
        f"it gives the fingerprint {first.fingerprint[:16]}, its content has {content[:16]}. Pass on "
        f"vlbench.fingerprint(sides, splits).",
    )
    fresh, again = harness.fresh.dataset, harness.again()
    require(
        fresh.fingerprint == content,
        "two loads give different data. Draw from a generator with a seed of your own, and sort what a folder lists.",
    )
    require(again.fingerprint == content, "what it stored differs from what it first returned.")


def check_splits_are_disjoint(harness: DatasetHarness) -> None:
    """No tensor item, and no pair, of one split occurs in another."""
    dataset, owner = harness.dataset, dict[bytes, str]()
    for name, split in dataset.splits.items():
        for side in dataset.sides:
            if isinstance(split.items[side], Tensor):
                _check_unseen(owner, name, _keys(split.items[side]), what=f"{side}")
        keys = {side: list(_keys(split.items[side])) for side in dataset.sides}
        both = (
            b"".join(keys[side][at] for side, at in zip(dataset.sides, places, strict=True))
            for places in split.pairs.tolist()
        )
        _check_unseen(owner, name, both, what="pair")


def _check_unseen(owner: dict[bytes, str], split: str, keys: Iterator[bytes], *, what: str) -> None:
    for position, key in enumerate(keys):
        other = owner.setdefault(what.encode() + key, split)
        require(
            other == split,
            f"{what} {position} of {split} is in {other} as well. A student is then tested on what it was trained on.",
        )


def _keys(items: Items) -> Iterator[bytes]:
    for item in items:
        content = item.contiguous().numpy().tobytes() if isinstance(item, Tensor) else item.encode("utf-8", "replace")
        yield hashlib.blake2b(content, digest_size=16).digest()


def check_every_item_has_a_partner(harness: DatasetHarness) -> None:
    """Every item of either side stands in a pair: one that does not could never be found."""
    for name, split in harness.dataset.splits.items():
        for column, side in enumerate(harness.dataset.sides):
            paired = torch.zeros(split.count(side), dtype=torch.bool)
            paired[split.pairs[:, column]] = True
            alone = (~paired).nonzero().flatten().tolist()
            which = f"{len(alone)} of {split.count(side)} items of {side} are in no pair (the first is {alone[:1]})"
            require(not alone, f"{name}: {which}. Leave them out, or pair them.")


def check_pairs_per_item_are_as_declared(harness: DatasetHarness) -> None:
    """Each first-side item has as many pairs as DatasetSpec(pairs_per_item=...) says."""
    declared = harness.spec.pairs_per_item
    if not declared:
        raise SkipTest("DatasetSpec declares no pairs_per_item.")
    side = harness.dataset.sides[0]
    for name, split in harness.dataset.splits.items():
        counts = split.pairs[:, 0].bincount(minlength=split.count(side))
        wrong = (counts != declared).nonzero().flatten().tolist()
        if wrong:
            found = int(counts[wrong[0]])
            raise AssertionError(
                f"{name}: {side} {wrong[0]} has {found} pairs, pairs_per_item={declared} is declared. Declare 0 where "
                f"it varies."
            )


def check_bad_options_are_refused_by_name(harness: DatasetHarness) -> None:
    """A number or a text that makes no sense is refused with a vlbench error that names it, or does no harm."""
    for name, value in _bad_values(harness.spec.options):
        try:
            harness.load(harness.fresh_store(), **{name: value})
        except VlbenchError as error:
            named = name in str(error) or str(value) in str(error)
            require(named, f"-o {name}={value} is refused without naming it: {error}")
        except Exception as error:
            raise AssertionError(
                f"-o {name}={value} ends in {error_text(error)}. Raise vlbench.errors.OptionError, and name the option."
            ) from error


def _bad_values(options: type) -> Iterator[tuple[str, object]]:
    hints = get_type_hints(options)
    for field in dataclasses.fields(options):
        kinds = {hints[field.name], *get_args(hints[field.name])}
        if field.metadata.get("choices"):
            continue
        if int in kinds:
            yield field.name, -1
        elif str in kinds or Path in kinds:
            yield field.name, "no-such-value"


def check_global_random_state_is_untouched(harness: DatasetHarness) -> None:
    """Loading leaves the global generators of Python, numpy and torch alone."""
    drawn = harness.fresh.generators
    require(not drawn, f"it draws from or seeds the global generator of {listed(drawn)}. Make a generator of its own.")


def check_process_settings_are_untouched(harness: DatasetHarness) -> None:
    """Threads, default dtype, grad mode, environment variables and the current folder are as before."""
    changed = harness.fresh.settings
    require(not changed, f"it changes settings of the process: {listed(changed)}. Put them back, or leave them.")


def check_only_the_store_is_written(harness: DatasetHarness) -> None:
    """Files appear in the store that it is given, and nowhere else."""
    writes = harness.fresh.writes
    require(not writes, f"it writes outside its store: {listed(writes)}. Write below the store it is called with.")


DATASET_CHECKS: tuple[Check, ...] = (
    check_data_has_the_agreed_form,
    check_fingerprint_is_stable,
    check_splits_are_disjoint,
    check_every_item_has_a_partner,
    check_pairs_per_item_are_as_declared,
    check_bad_options_are_refused_by_name,
    check_global_random_state_is_untouched,
    check_process_settings_are_untouched,
    check_only_the_store_is_written,
)
"""All checks, in the order in which they are worth reading."""

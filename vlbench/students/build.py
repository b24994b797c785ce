"""From a protocol's description to a student, and from a split to what its trained parts read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from vlbench.disk.space import check_space
from vlbench.errors import NotFiniteError, ProtocolError
from vlbench.finite import which_not_finite
from vlbench.students.heads import HeadConfig, build_head
from vlbench.students.losses import INFO_NCE, LOSSES
from vlbench.students.precision import FLOAT32, PRECISIONS, use_tf32
from vlbench.students.probe import PROBED, Probed, probe
from vlbench.students.stored import is_given, is_stored, stored_not_finite, stored_standardise, stored_statistics
from vlbench.students.student import Standardise, Student, Tower, TowerConfig
from vlbench.transfer import on_device

if TYPE_CHECKING:
    from vlbench.cache import Cache
    from vlbench.data.pairs import Items, PairDataset
    from vlbench.encoders.base import Encoder

CHUNK = 512
"""Items per forward pass where no graph is kept."""


@dataclass(frozen=True)
class StudentConfig:
    """A student as a protocol describes it.

    Attributes:
        towers: side -> tower.
        temperature: similarities are divided by it.
        learn_temperature: it is trained too, from there on, as the branch ``temperature``.
        precision: ``float32``; ``tf32`` and ``bf16`` for trained encoders, see :mod:`vlbench.students.precision`.
        loss: ``info-nce`` or ``wbce``, see :mod:`vlbench.students.losses`.
        micro_batch: items of a trained encoder whose graph is held at a time, see
            :mod:`vlbench.students.micro_batch`; 0: those of a whole batch.
    """

    towers: dict[str, TowerConfig]
    temperature: float = 0.07
    learn_temperature: bool = False
    loss: str = INFO_NCE
    precision: str = FLOAT32
    micro_batch: int = 0

    def __post_init__(self) -> None:
        if isinstance(self.micro_batch, bool) or not isinstance(self.micro_batch, int) or self.micro_batch < 0:
            raise ProtocolError(f"micro_batch = {self.micro_batch!r} is not allowed: a number of items, or 0 for all.")
        if self.loss not in LOSSES:
            raise ProtocolError(f"loss = {self.loss!r} is not allowed. Allowed: {', '.join(LOSSES)}.")
        if self.precision not in PRECISIONS:
            raise ProtocolError(f"precision = {self.precision!r} is not allowed. Allowed: {', '.join(PRECISIONS)}.")
        if self.precision == "bf16" and all(tower.train == "frozen" for tower in self.towers.values()):
            raise ProtocolError("precision = 'bf16' is for a trained encoder, and none is trained here. Leave it out.")


@dataclass(frozen=True)
class StudentBuilder:
    """What building students needs, and all that they share.

    Attributes:
        dataset: whose train statistics standardise features.
        make_encoder: a tower's description -> its encoder (the registry's job).
        cache: keeps features of frozen encoders.
        device: where students live.
        make_head: a head's description and the features it reads -> the head, with unset weights.
        report: is given a line before features are computed, which may take long.
    """

    dataset: PairDataset
    make_encoder: Callable[[TowerConfig], Encoder]
    cache: Cache
    device: str = "cpu"
    make_head: Callable[[HeadConfig, int], nn.Module] = build_head
    report: Callable[[str], None] = lambda _: None
    _fitted: dict[tuple[str, str, str], Standardise] = field(default_factory=dict, compare=False, repr=False)

    def student(self, name: str, config: StudentConfig) -> Student:
        """Build a student.

        Raises:
            ProtocolError: its towers do not fit the dataset's sides, their embeddings differ in width, or an encoder
                does not fit the items; see :func:`vlbench.students.probe.probe`.
        """
        if set(config.towers) != set(self.dataset.sides):
            raise ProtocolError(
                f"student {name!r} has towers {sorted(config.towers)}, the dataset's sides are "
                f"{sorted(self.dataset.sides)}."
            )
        # Layers are filled from the global generator when made (and set from seeds later): put its state back.
        with torch.random.fork_rng(devices=[]):
            encoders = {side: self._encoder(f"{name}.{side}", side, config.towers[side]) for side in self.dataset.sides}
            self._check_space(name, encoders)
            towers = {
                side: self._tower(side, config.towers[side], encoder, config.micro_batch)
                for side, encoder in encoders.items()
            }
        widths = {s: t.config.head.width if t.config.head.kind != "none" else t.width for s, t in towers.items()}
        if len(set(widths.values())) > 1:
            raise ProtocolError(f"student {name!r}: embeddings differ in width: {widths}. Set head.width alike.")
        return Student(
            name,
            towers,
            temperature=config.temperature,
            learn_temperature=config.learn_temperature,
            objective=config.loss,
            precision=config.precision,
            device=self.device,
        )

    def _encoder(self, place: str, side: str, config: TowerConfig) -> Encoder:
        """Tried on some items; both sides' before features of either are computed, which may take long."""
        encoder = self.make_encoder(config)
        probe(Probed(f"students.{place}", config.encoder, encoder, self._some(side), self.device))
        return encoder

    def _check_space(self, name: str, encoders: dict[str, Encoder]) -> None:
        """Refuse to begin where the disk has no room for the train features that are not there yet.

        Val and test are much smaller, and stay closed while a method runs.
        """
        items = self.dataset.split("train").items
        needed = sum(
            4 * encoder.width * len(items[side])
            for side, encoder in encoders.items()
            if not is_given(encoder, items[side])
            and not self.cache.folder("features", self.features_key(encoder, "train", side)).exists()
        )
        check_space(self.cache.root, needed, f"features of student {name!r}")

    def features_key(self, encoder: Encoder, split: str, side: str) -> dict[str, str]:
        """Under which an encoder's features of a split are cached."""
        return {"data": self.dataset.fingerprint, "split": split, "side": side, "encoder": encoder.identity}

    def _tower(self, side: str, config: TowerConfig, encoder: Encoder, micro_batch: int) -> Tower:
        items = self.dataset.split("train").items[side]
        if config.standardise == "none":
            statistics = Standardise.fit(torch.zeros(1, encoder.width), "none")
        elif is_stored(encoder, items):
            statistics = self._of_stored(encoder, side, config.standardise)
        else:
            statistics = self._of_features(encoder, side, config.standardise)
        head = self.make_head(config.head, encoder.width)
        return Tower(side, config, encoder, statistics, head=head, micro_batch=micro_batch)

    def _of_features(self, encoder: Encoder, side: str, mode: str) -> Standardise:
        """Statistics of train features, of which every student has its own copy; a pass over them for all students."""
        key = (encoder.identity, side, mode)
        if key not in self._fitted:
            self._fitted[key] = Standardise.fit(self.features(encoder, "train", side), mode)
        return Standardise(self._fitted[key].mean.clone(), self._fitted[key].scale.clone())

    def _of_stored(self, encoder: Encoder, side: str, mode: str) -> Standardise:
        """Statistics of train features on a memory map; stored, since a pass over them takes longer than all else."""
        items = self.dataset.split("train").items[side]
        key = self.features_key(encoder, "train", side)

        def compute() -> dict[str, Tensor]:
            self._check_stored("train", side, encoder)
            return stored_statistics(encoder, items)

        return stored_standardise(self.cache.get("statistics", key, compute), mode)

    def _check_stored(self, split: str, side: str, encoder: Encoder) -> None:
        held = self.dataset.split(split)
        if bad := stored_not_finite(held.items[side], held.names.get(side, ())):
            raise _not_finite(split, side, bad, encoder)

    def _some(self, side: str) -> Items:
        """The first items of train."""
        items = self.dataset.split("train").items[side]
        return take(items, torch.arange(min(PROBED, len(items))))

    def features(self, encoder: Encoder, split: str, side: str) -> Tensor:
        """Features of all items of a split [item, width], float32 on the CPU; computed once and kept on disk.

        Raises:
            NotFiniteError: one of them is not finite; the split, the side and the first items are named.
        """
        held = self.dataset.split(split)
        items = held.items[side]

        def checked(features: Tensor) -> Tensor:
            if bad := which_not_finite(features, held.names.get(side, ())):
                raise _not_finite(split, side, bad, encoder)
            return features

        def compute() -> dict[str, Tensor]:
            self.report(f"{side} of {split}, {len(items):,} items")
            return {"features": checked(encode(encoder, items, self.device))}

        if is_given(encoder, items):
            return checked(encoder.inputs(items))  # features that are there need no second copy on disk
        return checked(self.cache.get("features", self.features_key(encoder, split, side), compute)["features"])

    def tower_inputs(self, student: Student, split: str) -> TowerInputs:
        """Both sides of a split as a student's trained parts read them.

        Raises:
            NotFiniteError: an encoder, trained or not, gives features of an item that are not finite.
        """
        items = self.dataset.split(split).items
        for side, tower in student.towers.items():
            if not tower.frozen and split != "train":  # else the first to see them would be a trained student
                self.features(tower.encoder, split, side)
        takers = {side: self._taker(student.towers[side], split, items[side]) for side in student.sides}
        counts = {side: len(items[side]) for side in student.sides}
        live = {
            side: self._live_taker(tower, items[side])
            for side, tower in student.towers.items()
            if tower.config.dropout and split == "train"
        }
        return TowerInputs(takers, self.dataset.split(split).pairs.clone(), counts, device=student.device, live=live)

    @torch.no_grad()
    def _taker(self, tower: Tower, split: str, items: Items) -> Callable[[Tensor], Tensor]:
        if tower.frozen and is_stored(tower.encoder, items):
            if split != "train" or tower.config.standardise == "none":  # else its statistics were taken: it is finite
                self._check_stored(split, tower.side, tower.encoder)
            device = tower.standardise.mean.device
            return lambda index: tower.from_features(on_device(tower.encoder.inputs(items[index.cpu()]), device))
        if tower.frozen:
            raw = self.features(tower.encoder, split, tower.side).to(tower.standardise.mean.device)
            kept = tower.from_features(raw)
            # A fifth of the time of kept[index].
            return lambda index: kept.index_select(0, on_device(index, kept.device))
        if isinstance(items, list):
            tokens = tower.encoder.inputs(items)
            return lambda index: tokens[index.cpu()]
        return lambda index: inputs_on(tower.encoder, take(items, index), self.device)

    def _live_taker(self, tower: Tower, items: Items) -> Callable[[Tensor, int], Tensor]:
        """Entries with the frozen encoder's dropout on, by masks that only the seed decides."""
        inputs = tower.encoder.inputs(items) if isinstance(items, list) else None

        @torch.no_grad()
        def tower_inputs(index: Tensor, seed: int) -> Tensor:
            batch = inputs_on(tower.encoder, take(items, index), self.device) if inputs is None else inputs[index.cpu()]
            with torch.random.fork_rng(devices=[] if self.device == "cpu" else None):
                torch.manual_seed(seed)
                tower.encoder.module.train()
                try:
                    return tower.encode_frozen(batch.to(self.device))
                finally:
                    tower.encoder.module.eval()

        return tower_inputs


def _not_finite(split: str, side: str, bad: str, encoder: Encoder) -> NotFiniteError:
    return NotFiniteError(
        f"split {split!r}, side {side!r}: the encoder gives features that are not finite for {bad}. "
        f"Take these items out of the data, or another encoder than {encoder.identity[:60]!r}."
    )


class TowerInputs:
    """Entries of a split's items, by position.

    Attributes:
        pairs: int64 [pair, 2].
        counts: side -> number of items.
        live: sides with dropout in a frozen encoder -> (positions [n], seed) -> tower_inputs [n, ...].
    """

    def __init__(
        self,
        takers: dict[str, Callable[[Tensor], Tensor]],
        pairs: Tensor,
        counts: dict[str, int],
        *,
        device: str,
        live: dict[str, Callable[[Tensor, int], Tensor]] | None = None,
    ) -> None:
        self._takers, self.pairs, self.counts, self._device = takers, pairs, counts, device
        self.live = live or {}

    def take(self, side: str, index: Tensor) -> Tensor:
        """Entries of the items at positions ``index`` [n] of a side -> [n, ...]."""
        return on_device(self._takers[side](index), self._device)


def take(items: Items, index: Tensor) -> Items:
    """Items at some positions, as the container gives them."""
    return [items[i] for i in index.tolist()] if isinstance(items, list) else items[index.cpu()]


def inputs_on(encoder: Encoder, items: Items, device: str) -> Tensor:
    """What an encoder reads of items [item, ...], on a device."""
    if isinstance(items, Tensor) and encoder.inputs_on_device and device != "cpu":
        items = on_device(items, device)
    return on_device(encoder.inputs(items), device)


@torch.no_grad()
def encode(encoder: Encoder, items: Items, device: str = "cpu") -> Tensor:
    """Features of items in chunks -> float32 [item, width] on the CPU."""
    encoder.module.eval().to(device)
    if device.startswith("cuda"):
        use_tf32(False)
    chunks = [
        encoder.module(inputs_on(encoder, items[at : at + CHUNK], device)).float().cpu()
        for at in range(0, len(items), CHUNK)
    ]
    return torch.cat(chunks)

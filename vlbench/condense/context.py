"""The only door to the outside that a method has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vlbench.cache import Cache, Key
from vlbench.condense.artifacts import Artifact, Selection
from vlbench.files import write_whole
from vlbench.score.train import Recipe, TrainingSet, train
from vlbench.score.training_sets import full_selection, training_set
from vlbench.seeds import SeedTree
from vlbench.towers.build import CHUNK, Bench, SplitEntries, StudentConfig

if TYPE_CHECKING:
    from vlbench.data.views import TrainView
    from vlbench.observe import Observer
    from vlbench.towers.student import Student


@dataclass(frozen=True)
class Reference:
    """The reference student as the protocol describes it, and the short training that selectors' features come from.

    Attributes:
        name: of the student in the protocol.
        config: its towers and temperature.
        warmup: recipe of that training.
        identity: text that names the reference and its training; part of cache keys.
    """

    name: str
    config: StudentConfig
    warmup: Recipe
    identity: str


class Context:
    """Seeds, device, reference student, features, cache, checkpoints and progress of one condensation.

    Attributes:
        seeds: the only source of randomness.
        device: where to compute.
        student: the reference student.
        recipe: of a short training of it on all train pairs, as the protocol says.
        entries: what the reference student's trained parts read, of the train split.
        observer: told of phases and steps.
        curves: what the method reported step by step, by name; stored in the record.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile, vlbench
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> train, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> chosen = context.candidates()[:5]  # train pairs, of different images
        >>> context.pair_features(vlbench.Selection(chosen, train.fingerprint)).shape
        torch.Size([5, 16])
        >>> context.save_checkpoint({"pixels": chosen.float()})
        >>> sorted(context.load_checkpoint())
        ['pixels']
    """

    def __init__(
        self, train: TrainView, bench: Bench, reference: Reference, seeds: SeedTree, observer: Observer
    ) -> None:
        self.seeds, self.observer = seeds, observer
        self.device = bench.device
        self._train, self._bench, self._reference = train, bench, reference
        self._variants: dict[str, tuple[Student, SplitEntries]] = {}
        self.work: Path | None = None
        self.curves: dict[str, list[float]] = {}

    @property
    def student(self) -> Student:
        """The reference student."""
        return self.variant()[0]

    @property
    def recipe(self) -> Recipe:
        """The protocol's recipe for a short training of the reference student on all train pairs."""
        return self._reference.warmup

    @property
    def entries(self) -> SplitEntries:
        """The train split as the reference student reads it."""
        return self.variant()[1]

    def variant(self, train: str = "") -> tuple[Student, SplitEntries]:
        """The reference student, or its twin with every encoder trained as named (``frozen``), and train entries."""
        if train not in self._variants:
            config = self._reference.config
            if train:
                towers = {side: replace(tower, train=train) for side, tower in config.towers.items()}
                config = replace(config, towers=towers)
            student = self._bench.student(self._reference.name, config)
            self._variants[train] = (student, self._bench.entries(student, "train"))
        return self._variants[train]

    def full_set(self, variant: str = "") -> TrainingSet:
        """All train pairs, for the reference student or its twin."""
        return self.training_set(full_selection(self._train.pairs, self._train.fingerprint), variant)

    def training_set(self, artifact: Artifact, variant: str = "") -> TrainingSet:
        """What the reference student or its twin trains on, for an artifact."""
        student, entries = self.variant(variant)
        return training_set(artifact, student, entries)

    def candidates(self, *, repeat_images: bool = False) -> Tensor:
        """Train pairs on offer, int64 [candidate]: one drawn pair of each first-side item, or all pairs."""
        pairs = self._train.pairs
        if repeat_images:
            return torch.arange(len(pairs))
        shuffled = torch.randperm(len(pairs), generator=self.seeds.generator("candidates"))
        order = shuffled[torch.argsort(pairs[shuffled, 0], stable=True)]
        items = pairs[order, 0]
        first = torch.ones(len(items), dtype=torch.bool)
        first[1:] = items[1:] != items[:-1]
        return order[first]

    @torch.no_grad()
    def pair_features(self, offered: Selection) -> Tensor:
        """Both sides' unit embeddings of pairs, concatenated: float32 [pair, 2 * embedding].

        The embeddings are those of the reference student after the protocol's short warm-up on all train pairs; it is
        trained once and kept.
        """
        student, parameters = self.student, self._warm()
        data = self.training_set(offered)
        chunks = []
        for at in torch.arange(len(offered)).split(CHUNK):
            entries = data.entries(at)
            chunks.append(
                torch.cat([student.embed(side, entries[side], parameters) for side in student.sides], 1).cpu()
            )
        return torch.cat(chunks)

    def _warm(self) -> dict[str, Tensor]:
        key = {"data": self._train.fingerprint, "reference": self._reference.identity}

        def compute() -> dict[str, Tensor]:
            self.observer.phase("warm-up", None, "features that selectors share")
            return train(self.student, self.full_set(), self._reference.warmup, SeedTree(0).child("warm-up"))

        found = self.kept("warm-up", key, compute)
        return {name: flat.to(self.device) for name, flat in found.items()}

    def kept(self, kind: str, key: Key, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """Tensors kept on disk between runs under their full key, computed where they are not there.

        The data set's fingerprint and the reference student stand in the key already.
        """
        full = {"data": self._train.fingerprint, "reference": self._reference.identity, **key}
        return self.cache.get(kind, full, compute)

    def curve(self, name: str, value: float) -> None:
        """Report the next value of a curve, such as a loss after each step."""
        self.curves.setdefault(name, []).append(value)

    @property
    def cache(self) -> Cache:
        """The cache that all runs share."""
        return self._bench.cache

    def save_checkpoint(self, tensors: dict[str, Tensor]) -> None:
        """Keep a method's state, in place of the last; the next run of the same command finds it."""
        if self.work is not None:
            from safetensors.torch import save

            content = save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})
            write_whole(self.work / "checkpoint.safetensors", content)

    def load_checkpoint(self) -> dict[str, Tensor] | None:
        """The state that an interrupted run of the same command kept, or None."""
        from safetensors.torch import load_file

        if self.work is None or not (self.work / "checkpoint.safetensors").exists():
            return None
        # Cloned, as in the cache: what is read lies at odd addresses, where the last bits of sums come out differently.
        return {name: tensor.clone() for name, tensor in load_file(self.work / "checkpoint.safetensors").items()}

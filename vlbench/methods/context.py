"""The only door to the outside that a method has."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vlbench.artifacts.artifact import Artifact, Selection
from vlbench.artifacts.coded_size import first_fitting, mean_pair_bytes
from vlbench.cache import Cache, Key
from vlbench.disk.tensors import read_tensors, write_tensors
from vlbench.errors import ArtifactError, BudgetError, DataError, DivergedError
from vlbench.files import set_aside
from vlbench.finite import which_not_finite
from vlbench.methods.room import room
from vlbench.progress import report_step
from vlbench.seeds import SeedTree
from vlbench.students.build import CHUNK, StudentBuilder, StudentConfig, TowerInputs
from vlbench.students.training import Recipe, TrainingSet, train
from vlbench.students.training_sets import full_selection, one_of_each_item, training_set

if TYPE_CHECKING:
    from vlbench.budget import Budget
    from vlbench.data.views import TrainView
    from vlbench.progress import Observer
    from vlbench.registry.process_state import ProcessState
    from vlbench.runs.meter import Meter
    from vlbench.students.student import Student


Setting = str | int | float | bool | None
"""What a record can say of a setting."""


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


@dataclass(frozen=True)
class JobState:
    """What the harness keeps of a job for its context.

    Attributes:
        work: folder of the method's checkpoint; None where none is stored.
        clock: measures the method.
        owner: the plugin that declares the method; "" for one of vlbench's own.
        process: settings of the process before the method ran.
    """

    work: Path | None = None
    clock: Meter | None = None
    owner: str = ""
    process: ProcessState | None = None


NO_JOB = JobState()


class Context:
    """Seeds, device, reference student, features, cache, checkpoints and progress of one condensation.

    Attributes:
        seeds: the only source of randomness.
        device: where to compute.
        student: the reference student.
        recipe: of a short training of it on all train pairs, as the protocol says.
        tower_inputs: what the reference student's trained parts read, of the train split.
        observer: receives phases and steps.
        curves: what the method reported step by step, by name; stored in the record.
        resolved: the settings that the method resolved by itself, by name; stored in the record.
        work: folder of the method's checkpoint; None where none is stored.

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
        self,
        train: TrainView,
        builder: StudentBuilder,
        reference: Reference,
        seeds: SeedTree,
        observer: Observer,
        job: JobState = NO_JOB,
    ) -> None:
        self.seeds: SeedTree = seeds
        self.observer: Observer = observer
        self.device: str = builder.device
        self._train, self._builder, self._reference = train, builder, reference
        self._variants: dict[str, tuple[Student, TowerInputs]] = {}
        self._job = job
        self.work: Path | None = job.work
        self.curves: dict[str, list[float]] = {}
        self.resolved: dict[str, Setting] = {}
        self._began = time.monotonic()
        self._ticks: list[float] = []

    @property
    def student(self) -> Student:
        """The reference student."""
        return self.student_with()[0]

    @property
    def recipe(self) -> Recipe:
        """The protocol's recipe for a short training of the reference student on all train pairs."""
        return self._reference.warmup

    @property
    def tower_inputs(self) -> TowerInputs:
        """The train split as the reference student reads it."""
        return self.student_with()[1]

    def student_with(self, train: str = "") -> tuple[Student, TowerInputs]:
        """The reference student, its encoders trained as named (``frozen``) where that is given, and train inputs."""
        if train not in self._variants:
            config = self._reference.config
            if train:
                towers = {side: replace(tower, train=train) for side, tower in config.towers.items()}
                config = replace(config, towers=towers)
            # Features and statistics of the reference student belong to no method: its clock stands still.
            clock = self._job.clock
            with clock.paused() if clock is not None and not train else nullcontext():
                self._variants[train] = self._fresh(config)
        return self._variants[train]

    def _fresh(self, config: StudentConfig) -> tuple[Student, TowerInputs]:
        """A student that no method has had in its hands, and train inputs."""
        with self._undisturbed():
            student = self._builder.student(self._reference.name, copy.deepcopy(config))
            return student, self._builder.tower_inputs(student, "train")

    def _undisturbed(self) -> AbstractContextManager[None]:
        """For what other rows share: within, nothing is in force that the method has set in this process."""
        return self._job.process.suspended() if self._job.process is not None else nullcontext()

    def full_set(self, variant: str = "") -> TrainingSet:
        """All train pairs, for the reference student or its twin."""
        return self.training_set(full_selection(self._train.pairs, self._train.fingerprint), variant)

    def training_set(self, artifact: Artifact, variant: str = "") -> TrainingSet:
        """What the reference student or its twin trains on, for an artifact."""
        student, tower_inputs = self.student_with(variant)
        return training_set(artifact, student, tower_inputs)

    def candidates(self, *, repeat_images: bool = False) -> Tensor:
        """Train pairs on offer, int64 [candidate]: one drawn pair of each first-side item, or all pairs."""
        pairs = self._train.pairs
        if repeat_images:
            return torch.arange(len(pairs))
        return one_of_each_item(pairs, self.seeds.generator("candidates"))

    def fit(self, selection: Selection, budget: Budget) -> Selection:
        """The first pairs of a selection that fit a budget of pairs or of bytes.

        Raises:
            BudgetError: not one fits.
        """
        count = budget.amount
        if budget.unit == "bytes":
            count = first_fitting(selection, self._train.split, budget.amount)
        if count < 1:
            raise BudgetError(f"budget {budget} holds not even the first pair that was selected. Raise --budget.")
        return replace(selection, indices=selection.indices[:count])

    def estimate_pairs(self, offered: Selection, budget: Budget) -> int:
        """How many of the pairs on offer may fit a budget: their number itself in pairs, a fair guess in bytes."""
        if budget.unit == "pairs":
            return budget.amount
        about = budget.amount / mean_pair_bytes(offered, self._train.split)
        return max(1, min(len(offered), round(1.1 * about) + 1))

    @torch.no_grad()
    def pair_features(self, offered: Selection) -> Tensor:
        """Both sides' unit embeddings of pairs, concatenated: float32 [pair, 2 * embedding].

        The embeddings are those of the reference student after the protocol's short warm-up on all train pairs; it is
        trained once and kept.
        """
        student, parameters = self.student, self._warm()
        data = self.training_set(offered)
        features = torch.empty(0)
        for at in torch.arange(len(offered)).split(CHUNK):
            tower_inputs = data.tower_inputs(at)
            sides = [student.embed(side, tower_inputs[side], parameters) for side in student.sides]
            part = torch.cat(sides, 1).float().cpu()
            if bad := which_not_finite(part):
                raise DivergedError(f"after the warm-up, features are not finite for {bad} of {len(part)} pairs.")
            if not len(features):
                features = room(len(offered), part.shape[1], self._builder.cache.root)
            features[at] = part
        return features

    def _warm(self) -> dict[str, Tensor]:
        key = {"data": self._builder.dataset.fingerprint, "reference": self._reference.identity}

        def compute() -> dict[str, Tensor]:
            self.observer.phase("warm-up", None, "features that selectors share")
            with self._undisturbed():
                student, inputs = self._fresh(self._reference.config)
                data = training_set(full_selection(inputs.pairs, self._train.fingerprint), student, inputs)
                return train(student, data, self._reference.warmup, SeedTree(0).child("warm-up"))

        found = self._builder.cache.get("warm-up", key, compute)
        return {name: flat.to(self.device) for name, flat in found.items()}

    def cached(self, kind: str, key: Key, compute: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
        """Tensors kept on disk between runs under their full key, computed where they are not there.

        The dataset's fingerprint and the reference student stand in the key already, and the plugin where it is not
        one of vlbench's own: what a plugin keeps, no other one reads.
        """
        return self.cache.get(kind, self.full_key(key), compute)

    def full_key(self, key: Key) -> Key:
        """A key with what all keys of the context have: the data, the reference and the plugin."""
        full = {"data": self._builder.dataset.fingerprint, "reference": self._reference.identity, **key}
        return full | ({"plugin": self._job.owner} if self._job.owner else {})

    def curve(self, name: str, value: float) -> None:
        """Report the next value of a curve, such as a loss after each step.

        Raises:
            vlbench.errors.DivergedError: it is no finite number.
        """
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            step = len(self.curves.get(name, ()))
            raise DivergedError(f"curve {name!r} was given {value!r:.60} at step {step}: it takes finite numbers.")
        curve = self.curves.setdefault(name, [])
        if name == next(iter(self.curves)):
            self._ticks.append(time.monotonic())
        curve.append(number)
        report_step(self.observer, name, len(curve) - 1, number)

    def settings(self, **values: Setting) -> None:
        """Put values that the method resolved by itself into the record, as ``settings``; a name given again counts.

        Raises:
            vlbench.errors.ArtifactError: a value is no text, finite number, bool or None.
        """
        for name, value in values.items():
            finite = not isinstance(value, float) or math.isfinite(value)
            if not isinstance(value, Setting) or not finite:
                raise ArtifactError(f"setting {name!r} is {value!r:.60}: give a text, a finite number, a bool or None.")
        self.resolved.update(values)

    @property
    def step_s(self) -> float | None:
        """Median seconds between two values of the first curve; None where it has fewer.

        Values that a method reads back from its checkpoint come at once, so that what is far below the longest does
        not count.
        """
        between = [after - before for before, after in pairwise(self._ticks)]
        steps = [seconds for seconds in between if seconds > max(between) / 100]
        return median(steps) if steps else None

    @property
    def spent_s(self) -> float:
        """Seconds that the condensation took so far, with those of an interrupted run."""
        return self._job.clock.so_far_s if self._job.clock is not None else time.monotonic() - self._began

    @property
    def cache(self) -> Cache:
        """The cache that all runs share; a plugin that is not one of vlbench's own has a part to itself."""
        root = self._builder.cache.root
        return Cache(root / "plugins" / self._job.owner if self._job.owner else root)

    def save_checkpoint(self, tensors: dict[str, Tensor]) -> None:
        """Keep a method's state, in place of the last; the next run of the same command finds it."""
        if self.work is not None:
            # What a run took so far goes with it: the next part's cost is the sum.
            spent_s = self._job.clock.so_far_s if self._job.clock else 0.0
            write_tensors(self.work / "checkpoint.safetensors", tensors, {"spent_s": repr(spent_s)})

    def load_checkpoint(self) -> dict[str, Tensor] | None:
        """The state that an interrupted run of the same command stored, or None; a damaged one is set aside."""
        if self.work is None or not (self.work / "checkpoint.safetensors").exists():
            return None
        try:
            tensors, about = read_tensors(self.work / "checkpoint.safetensors")
        except DataError as error:
            aside = set_aside(self.work / "checkpoint.safetensors")
            self.observer.message(f"{error}. Set aside as {aside.name}; the method begins again.")
            return None
        if self._job.clock is not None:
            self._job.clock.before_s = float(about.get("spent_s", 0.0))
        return tensors

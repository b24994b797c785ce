"""Observed runs of a method on toys, for the checks."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlbench.artifacts.artifact import Artifact, check_family, save_artifact
from vlbench.artifacts.coded_size import artifact_bytes
from vlbench.budget import Budget
from vlbench.data.fingerprint import fingerprint, tensors_fingerprint
from vlbench.data.pairs import PairDataset
from vlbench.methods.context import Context
from vlbench.methods.method import Method
from vlbench.registry.options import parse_options
from vlbench.registry.specs import MethodSpec, resolve
from vlbench.students.build import StudentConfig
from vlbench.testing.scaling import count
from vlbench.testing.side_effects import (
    GENERATORS,
    SETTINGS,
    GuardedSplits,
    changes,
    recorded_side_effects,
    restored_global_state,
)
from vlbench.testing.toys import COUNTS, toy_context, toy_dataset

PAIRS = Budget(7)
"""The budget of an observed run, where a check does not need another."""
ALL = Budget(COUNTS["train"])
"""The largest budget that toys allow: one pair of each train image."""


class RunStopped(KeyboardInterrupt):
    """Ends a run that is to be killed."""


class CountingObserver:
    """Counts steps, and kills the run after ``stop_after`` of them."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.steps, self._stop_after = 0, stop_after

    def phase(self, name: str, total: int | None = None, detail: str = "") -> None: ...

    def advance(self, steps: int = 1, note: str = "") -> None:
        del note
        self.steps += steps
        if self._stop_after is not None and self.steps >= self._stop_after:
            raise RunStopped

    def done(self, message: str = "") -> None: ...

    def message(self, text: str) -> None: ...


@dataclass(frozen=True)
class ObservedRun:
    """A run, and what was seen of it.

    Attributes:
        artifact: what the method returned.
        generators: global generators that it drew from.
        settings: settings of the process that it changed.
        inputs: inputs that it changed.
        writes: files written outside its folder and the cache.
        connections: attempts to reach the network.
        touched: accesses to splits that it did not declare.
        steps: how many steps it reported.
    """

    artifact: Artifact
    generators: list[str]
    settings: list[str]
    inputs: list[str]
    writes: list[str]
    connections: list[str]
    touched: list[str]
    steps: int


class MethodHarness:
    """Makes runs of one method on toys and remembers them, so that checks can share them.

    Args:
        spec: the method.
        folder: for everything that is written.
        options: of the method, as ``-o`` takes them; they go before those of ``spec.quick``.

    Raises:
        UnknownNameError: the method has no option of some name.
        OptionError: an option has a value that is not allowed.
    """

    def __init__(self, spec: MethodSpec, folder: Path, options: Mapping[str, object]) -> None:
        self.spec, self.folder, self._options = spec, folder, {**spec.quick, **options}
        self._harness: dict[tuple[Budget, int], ObservedRun | Exception] = {}
        self.dataset = toy_dataset()

    def method(self) -> Method:
        """The method with its options, constructed as a run constructs it."""
        name = self.spec.name
        options: object = parse_options(
            self.spec.options, self._options, owner=f"method {name!r}", hint=f"vlbench methods {name}"
        )
        made: Method = resolve(self.spec.target)(options)
        return made

    def fresh_folder(self) -> Path:
        """A new folder with neither cache nor checkpoint."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def observed(self, budget: Budget = PAIRS, *, seed: int = 0) -> ObservedRun:
        """A run in a folder of its own; made once, and an exception is raised again."""
        key = (budget, seed)
        if key not in self._harness:
            try:
                self._harness[key] = self.run(self.fresh_folder(), budget, seed=seed)
            except Exception as error:
                self._harness[key] = error
        found = self._harness[key]
        if isinstance(found, Exception):
            raise found
        return found

    def run(
        self,
        folder: Path,
        budget: Budget = PAIRS,
        *,
        seed: int = 0,
        cache: Path | None = None,
        stop_after: int | None = None,
        student: StudentConfig | None = None,
    ) -> ObservedRun:
        """A run on a fresh copy of the toy data, observed.

        Args:
            folder: for checkpoints; and for the cache, where ``cache`` is not given.
            budget: of pairs or of bytes.
            seed: of the run.
            cache: what the run shares with others.
            stop_after: kill the run after so many steps.
            student: the reference student; two heads on frozen encoders by default.

        Raises:
            RunStopped: it was killed.
            ArtifactError: it returned something else than its family makes.
        """
        method, dataset, observer = self.method(), toy_dataset(), CountingObserver(stop_after)
        trap = GuardedSplits(dataset.splits)
        guarded = dataclasses.replace(dataset, splits=trap)
        cache = cache or folder / "cache"
        sees_val = self.spec.sees_val
        view, context = toy_context(
            guarded, folder, seed=seed, sees_val=sees_val, observer=observer, cache=cache, student=student
        )
        trap.forbidden = ("test",) if sees_val else ("val", "test")
        options, encoders = repr(method.options), _encoders(context)
        with restored_global_state(), recorded_side_effects((folder, cache)) as seen:
            generators = {name: read() for name, read in GENERATORS.items()}
            settings = {name: read() for name, read in SETTINGS.items()}
            artifact = method.condense(view, budget, context)
            check_family(artifact, self.spec.family)
            drawn, changed = changes(GENERATORS, generators), changes(SETTINGS, settings)
        seen_data = dataclasses.replace(dataset, splits={**dict.copy(dataset.splits), "train": view.split})
        inputs = _changed_inputs(seen_data, {"options": (options, repr(method.options))})
        inputs += ["weights of the encoders"] if _encoders(context) != encoders else []
        return ObservedRun(
            artifact, drawn, changed, inputs, seen.writes, seen.connections, trap.touched, observer.steps
        )

    def count(self, images: int) -> dict[str, int]:
        """What a run on so many train images does; see :mod:`vlbench.testing.scaling`."""
        self.observed()  # what the first run imports is not its doing
        dataset, method = toy_dataset(counts={"train": images, "val": 20, "test": 20}), self.method()

        # Made before: what the harness copies and encodes is not the method's doing. It is called twice.
        given = [toy_context(dataset, self.fresh_folder(), sees_val=self.spec.sees_val) for _ in range(2)]

        def call() -> None:
            view, context = given.pop()
            method.condense(view, PAIRS, context)

        with restored_global_state():
            return count(call)

    def size_in_bytes(self, artifact: Artifact) -> int:
        """Its bytes, as a budget counts them."""
        return artifact_bytes(artifact, self.dataset.split("train"))

    def stored(self, artifact: Artifact) -> dict[str, bytes]:
        """The files of a saved artifact, by name."""
        folder = self.fresh_folder()
        save_artifact(artifact, folder)
        return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _encoders(context: Context) -> list[str]:
    towers = context.student.towers.values()
    return [tensors_fingerprint(tower.encoder.module.state_dict()) for tower in towers]


def _changed_inputs(dataset: PairDataset, texts: dict[str, tuple[str, str]]) -> list[str]:
    changed = [name for name, (before, after) in texts.items() if before != after]
    splits: dict[str, Any] = dict(dict.items(dataset.splits))
    if fingerprint(dataset.sides, splits) != dataset.fingerprint:
        changed.append("train data")
    return changed

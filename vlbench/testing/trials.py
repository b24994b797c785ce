"""One observed run of a method on toys: what the checks look at."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlbench.budget import Budget
from vlbench.condense.artifacts import Artifact, save_artifact
from vlbench.condense.context import Context
from vlbench.condense.method import Method
from vlbench.data.fingerprint import fingerprint, tensors_fingerprint
from vlbench.data.pairs import PairDataset
from vlbench.registry.options import parse_options
from vlbench.registry.specs import MethodSpec, resolve
from vlbench.testing.toys import COUNTS, toy_context, toy_dataset
from vlbench.testing.watch import GENERATORS, SETTINGS, TrapSplits, changes, kept_as_they_were, watched

PAIRS = 7
"""The budget of a trial, where a check does not need another."""
ALL = COUNTS["train"]
"""The largest budget that toys allow: one pair of each train image."""


class InterruptedTrial(KeyboardInterrupt):
    """What a trial that is to be killed dies of."""


class CountingObserver:
    """Counts steps, and kills the run after ``stop_after`` of them."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.steps, self._stop_after = 0, stop_after

    def phase(self, name: str, total: int | None = None, detail: str = "") -> None:
        """Ignored."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count."""
        del note
        self.steps += steps
        if self._stop_after is not None and self.steps >= self._stop_after:
            raise InterruptedTrial

    def done(self, message: str = "") -> None:
        """Ignored."""

    def message(self, text: str) -> None:
        """Ignored."""


@dataclass(frozen=True)
class Trial:
    """A run, and what was seen of it.

    Attributes:
        artifact: what the method returned.
        generators: global generators that it drew from.
        settings: settings of the process that it changed.
        inputs: inputs that it changed.
        writes: files written outside its folder and the cache.
        connections: attempts to reach the network.
        touched: accesses to splits that it did not declare.
        steps: how often it told of a step.
    """

    artifact: Artifact
    generators: list[str]
    settings: list[str]
    inputs: list[str]
    writes: list[str]
    connections: list[str]
    touched: list[str]
    steps: int


class Toys:
    """Makes trials of one method and remembers them, so that checks can share them.

    Args:
        folder: for everything that is written.
        options: of the method, as ``-o`` takes them; a method that is slow by default is given fewer steps here.
    """

    def __init__(self, folder: Path, options: Mapping[str, object] | None = None) -> None:
        self.folder, self._options = folder, dict(options or {})
        self._trials: dict[tuple[MethodSpec, int, int], Trial] = {}
        self.dataset = toy_dataset()

    def method(self, spec: MethodSpec) -> Method:
        """The method with its options, constructed as a run constructs it."""
        options: object = parse_options(spec.options, self._options, owner=f"method {spec.name!r}")
        made: Method = resolve(spec.target)(options)
        return made

    def fresh_folder(self) -> Path:
        """A new folder with neither cache nor checkpoint."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def trial(self, spec: MethodSpec, *, pairs: int = PAIRS, seed: int = 0) -> Trial:
        """A run in the folder that such runs share, the cache included; made once."""
        key = (spec, pairs, seed)
        if key not in self._trials:
            folder = self.folder / f"shared-{pairs}-{seed}"
            self._trials[key] = self.run(spec, folder, pairs=pairs, seed=seed, cache=self.folder / "shared")
        return self._trials[key]

    def run(
        self,
        spec: MethodSpec,
        folder: Path,
        *,
        pairs: int = PAIRS,
        seed: int = 0,
        cache: Path | None = None,
        stop_after: int | None = None,
    ) -> Trial:
        """A run on a fresh copy of the toy data, observed.

        Raises:
            InterruptedTrial: it was stopped after so many steps.
        """
        method, dataset, observer = self.method(spec), toy_dataset(), CountingObserver(stop_after)
        trap = TrapSplits(dataset.splits)
        guarded = dataclasses.replace(dataset, splits=trap)
        view, context = toy_context(
            guarded, folder, seed=seed, sees_val=spec.sees_val, observer=observer, cache=cache or folder / "cache"
        )
        trap.forbidden = ("test",) if spec.sees_val else ("val", "test")
        options = repr(method.options)
        encoders = _encoders(context)
        with kept_as_they_were(), watched((folder, cache or folder)) as seen:
            generators = {name: read() for name, read in GENERATORS.items()}
            settings = {name: read() for name, read in SETTINGS.items()}
            artifact = method.condense(view, Budget(pairs), context)
            drawn = changes(GENERATORS, generators)
            changed = changes(SETTINGS, settings)
        inputs = _changed_inputs(dataset, {"options": (options, repr(method.options))})
        inputs += ["weights of the encoders"] if _encoders(context) != encoders else []
        return Trial(artifact, drawn, changed, inputs, seen.writes, seen.connections, trap.touched, observer.steps)

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

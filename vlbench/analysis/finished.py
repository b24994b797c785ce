"""A finished run, opened again: its record, its artifact, and the students of its protocol."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vlbench.artifacts.artifact import Artifact, load_artifact
from vlbench.errors import DataError, ProtocolError
from vlbench.evaluation.evaluate import Evaluator
from vlbench.progress import Observer
from vlbench.records.record import Record, StudentScores, read_record
from vlbench.runs.jobs import FULL
from vlbench.runs.request import RunRequest
from vlbench.runs.scoring import student_scores
from vlbench.runs.session import Session
from vlbench.seeds import SeedTree
from vlbench.students.training import Recipe, TrainingSet
from vlbench.students.training_sets import full_selection, training_set

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry

PUBLISHED_EPOCHS, PUBLISHED_BATCH = 50, 64


@dataclass(frozen=True)
class Finished:
    """A run that can be asked again.

    Attributes:
        record: as written.
        artifact: what its students trained on.
        session: protocol, data and students.
    """

    record: Record
    artifact: Artifact
    session: Session

    def evaluator(self, student: str = "") -> Evaluator:
        """Trains and scores one of the protocol's students, by default the reference."""
        return self.session.evaluator(student or self.session.protocol.reference)

    def data(self, evaluator: Evaluator) -> TrainingSet:
        """What a student trains on."""
        return training_set(self.artifact, evaluator.student, evaluator.tower_inputs["train"])

    @property
    def seeds(self) -> SeedTree:
        """The seeds its students were trained with."""
        return SeedTree(self.record.seed).child("score")


def open_runs(
    folders: Sequence[Path], registry: Registry, observer: Observer, *, suite: str = "", device: str = "auto"
) -> list[Finished]:
    """Open runs' folders; runs of one protocol share what is loaded.

    Args:
        folders: as ``vlbench run`` named them.
        registry: knows suites, datasets and encoders.
        observer: receives progress.
        suite: the TOML file, where the runs were made with one.
        device: where to compute.

    Raises:
        DataError: one is no finished run with students.
        ProtocolError: the protocol or the data are not those of a run.
    """
    works: dict[str, Session] = {}
    opened = []
    for folder in folders:
        record = read_record(folder)
        if record.status != "finished" or not record.chosen:
            raise DataError(
                f"{folder.name}: the run has no students (status {record.status}). Choose a finished one of a method, "
                f"or full."
            )
        key = record.protocol_hash
        if key not in works:
            request = RunRequest(suite=suite or record.suite, device=device, overrides=record.overrides)
            works[key] = Session(registry, request, observer)
        if works[key].protocol.training.split != "test":
            raise DataError(f"{folder.name}: scored on val, to tune a method. Run it again without training.split.")
        opened.append(_open(folder, record, works[key]))
    return opened


def _open(folder: Path, record: Record, session: Session) -> Finished:
    for field, now in (("protocol_hash", session.protocol.hash), ("data_fingerprint", session.dataset.fingerprint)):
        if (recorded := getattr(record, field)) != now:
            raise ProtocolError(
                f"{folder.name}: {field} is {recorded}, that of suite {session.request.suite!r} here is {now}. "
                "Give the suite's file with --suite, or run the method again."
            )
    if record.method == FULL:
        return Finished(
            record, full_selection(session.dataset.split("train").pairs, session.dataset.fingerprint), session
        )
    return Finished(record, load_artifact(folder), session)


def published_recipe(pairs: int) -> Recipe:
    """The recipe of the released scripts, which is tuned on nothing.

    SGD with momentum 0.9, weight decay 5e-4, rate 0.1, 50 epochs in batches of 64 (VLDD's ``networks`` protocol).
    """
    steps = PUBLISHED_EPOCHS * max(1, pairs // PUBLISHED_BATCH)
    return Recipe(steps, PUBLISHED_BATCH, 0.1, weight_decay=5e-4, momentum=0.9, schedule="constant")


def scored(
    evaluator: Evaluator,
    data: TrainingSet,
    recipes: Sequence[Recipe],
    seeds: SeedTree,
    *,
    count: int,
    advance: Callable[[], None],
) -> StudentScores:
    """Scores of ``count`` fresh students on test, with the recipe chosen on val; as a record holds them."""
    outcome = Evaluator(evaluator.student, evaluator.tower_inputs, recipes).outcome(data, seeds, count, advance)
    return student_scores(outcome.runs)

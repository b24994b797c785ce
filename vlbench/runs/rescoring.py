"""Saved artifacts under fresh students: for ``vlbench score`` and for claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import structs

from vlbench.artifacts.artifact import Artifact, check_artifact, load_artifact
from vlbench.budget import Budget
from vlbench.progress import Observer, SilentObserver
from vlbench.records.record import FILE_NAME, Cost, Record, read_record
from vlbench.runs.audit import write_audit
from vlbench.runs.jobs import CHANCE, FULL, RESCORED, Job
from vlbench.runs.nearest import missing_nearest, score_nearest
from vlbench.runs.preview import write_preview
from vlbench.runs.recording import asked_record, command_of, with_scores
from vlbench.runs.request import AS_RECORDED, RunRequest
from vlbench.runs.scoring import Scored, chance_scores, score, score_start, write_found
from vlbench.runs.session import Session
from vlbench.students.training_sets import full_selection

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry


def score_artifact(
    path: Path | str,
    request: RunRequest = AS_RECORDED,
    *,
    registry: Registry,
    observer: Observer | None = None,
) -> Record:
    """Train fresh students on a saved artifact and score them, without the method's code.

    Args:
        path: folder of the artifact (a run's folder, say).
        request: by whose protocol, else by that of the record beside the artifact; device, data and students.
        registry: knows suites, datasets and encoders.
        observer: receives progress.
    """
    folder = Path(path)
    artifact = load_artifact(folder)
    recorded = read_record(folder) if (folder / FILE_NAME).exists() else None
    request = replace(request, suite=request.suite or (recorded.suite if recorded else "scenes"))
    session = Session(registry, request, observer or SilentObserver())
    check_artifact(artifact, train=session.dataset.split("train"), fingerprint=session.dataset.fingerprint)
    job = Job(RESCORED, Budget(len(artifact)), seed=recorded.seed if recorded else 0)
    scored = score(session, artifact, job.seed, label=RESCORED)
    cost = Cost(pairs=len(artifact), train_s=scored.train_s, score_s=scored.score_s)
    record = with_scores(session, asked_record(session, job), scored)
    of_run = {name: getattr(recorded, name) for name in ("method", "budget", "options", "family")} if recorded else {}
    return structs.replace(record, status="finished", cost=cost, **of_run)


def rescore(session: Session, artifact: Artifact, seed: int, *, keep: Path) -> tuple[Scored, Scored | None]:
    """Scores of fresh students on an artifact, and on what it started from: as a run gives them.

    The ranks of the artifact are written to the folder ``keep``.
    """
    scored = score(session, artifact, seed, label=RESCORED)
    write_found(keep, session, scored)
    return scored, score_start(session, artifact, seed)


def scored_again(session: Session, job: Job, found: Record, folder: Path) -> Record:
    """The record with scores on all students; on those it had, the scores come out as they were."""
    command = command_of(session, job)
    if job.method == CHANCE:
        return structs.replace(found, scores={**found.scores, **chance_scores(session)}, command=command)
    students = list(dict.fromkeys([*session.students, *found.scores]))
    artifact = full_artifact(session) if job.method == FULL else load_artifact(folder)
    scored = score(session, artifact, job.seed, label=job.method, students=students)
    write_found(folder, session, scored)
    if job.has_method:
        write_looks(folder, session, artifact)
    start = score_start(session, artifact, job.seed, students=students)
    cost = structs.replace(found.cost, train_s=scored.train_s, score_s=scored.score_s)
    wanted = missing_nearest(session, artifact, ())
    nearest = score_nearest(session, artifact, job.seed, wanted, students=students)
    record = structs.replace(
        with_scores(session, found, scored), cost=cost, command=command, nearest={**found.nearest, **nearest}
    )
    if start is None or found.start is None:
        return record
    return structs.replace(record, start=structs.replace(found.start, scores=start.scores, chosen=start.chosen))


def write_looks(folder: Path, session: Session, artifact: Artifact) -> None:
    """Write what a board shows of an artifact beside its scores: its pairs, and whether they resemble test items."""
    reference = session.evaluator(session.protocol.reference)
    write_preview(folder, artifact, session.dataset.split("train"), reference)
    write_audit(folder, artifact, session)


def full_artifact(session: Session) -> Artifact:
    """All train pairs."""
    return full_selection(session.dataset.split("train").pairs, session.dataset.fingerprint)

"""Saved artifacts under fresh students: for ``vlbench score`` and for claims."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.analysis.flags import write_audit
from vlbench.artifacts.artifact import Artifact, check_artifact, load_artifact
from vlbench.budget import Budget
from vlbench.progress import Observer, SilentObserver
from vlbench.records.record import read_record
from vlbench.runs.jobs import CHANCE, FULL, RESCORED, Job
from vlbench.runs.preview import write_preview
from vlbench.runs.recording import Made, asked_record, command_of, finished_record, score_fields, start_fields
from vlbench.runs.request import AS_RECORDED, RunRequest
from vlbench.runs.scoring import chance_scores, score, score_start, write_found
from vlbench.runs.session import Session
from vlbench.students.training_sets import full_selection

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry

Record = dict[str, Any]


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
        registry: knows suites, data sets and encoders.
        observer: receives progress.
    """
    folder = Path(path)
    artifact = load_artifact(folder)
    recorded = read_record(folder) if (folder / "record.json").exists() else {}
    request = replace(request, suite=request.suite or recorded.get("suite", "scenes"))
    session = Session(registry, request, observer or SilentObserver())
    check_artifact(artifact, train=session.dataset.split("train"), fingerprint=session.dataset.fingerprint)
    job = Job(RESCORED, Budget(len(artifact)), seed=recorded.get("seed", 0))
    scored = score(session, artifact, job.seed, label=RESCORED)
    blank = asked_record(session, job)
    of_run: Record = {key: recorded[key] for key in ("method", "budget", "options", "family") if key in recorded}
    cost = {"pairs": len(artifact), "train_s": scored.train_s, "score_s": scored.score_s}
    return {**finished_record(session, blank, Made(scored=scored)), **of_run, "cost": cost}


def rescore(session: Session, artifact: Artifact, seed: int, *, keep: Path) -> Record:
    """Scores of fresh students on an artifact, and on what it started from: as a run gives them.

    The ranks of the artifact are written to the folder ``keep``.
    """
    scored = score(session, artifact, seed, label=RESCORED)
    write_found(keep, session, scored)
    start = score_start(session, artifact, seed)
    return {**score_fields(session, scored), **({"start": start_fields(start)} if start else {})}


def scored_again(session: Session, job: Job, found: Record, folder: Path) -> Record:
    """The record with scores on all students; on those it had, the scores come out as they were."""
    command = command_of(session, job)
    if job.method == CHANCE:
        return {**found, "scores": {**found["scores"], **chance_scores(session)}, "command": command}
    students = list(dict.fromkeys([*session.students, *found["scores"]]))
    artifact = full_artifact(session) if job.method == FULL else load_artifact(folder)
    scored = score(session, artifact, job.seed, label=job.method, students=students)
    write_found(folder, session, scored)
    if job.has_method:
        reference = session.evaluator(session.protocol.reference)
        write_preview(folder, artifact, session.dataset.split("train"), reference)
        write_audit(folder, artifact, session)
    start = score_start(session, artifact, job.seed, students=students)
    cost = {**found["cost"], "train_s": scored.train_s, "score_s": scored.score_s}
    record = {**found, **score_fields(session, scored), "cost": cost, "command": command}
    return {**record, "start": {**found["start"], **start_fields(start)}} if start else record


def full_artifact(session: Session) -> Artifact:
    """All train pairs."""
    return full_selection(session.dataset.split("train").pairs, session.dataset.fingerprint)

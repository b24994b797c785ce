"""A run as a line of values: request, jobs, data, artifact, check, save, scores, record.

Every stage returns a value. Nothing is saved before it is checked.
"""

from __future__ import annotations

import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from vlbench.artifacts.artifact import save_artifact
from vlbench.errors import DivergedError, VlbenchError
from vlbench.files import write_whole
from vlbench.progress import Observer
from vlbench.records.record import Record, read_record, write_record
from vlbench.runs.child import worker_words
from vlbench.runs.condense import condense
from vlbench.runs.executors import execute
from vlbench.runs.jobs import (
    CHANCE,
    Job,
    asked_jobs,
    baseline_jobs,
    matched_job,
)
from vlbench.runs.recording import Made, asked_record, finished_record
from vlbench.runs.recover import alone_with, find_run, is_whole, remove_traces, sealing
from vlbench.runs.request import RunRequest
from vlbench.runs.rescoring import full_artifact, scored_again, write_looks
from vlbench.runs.scoring import score, score_start, write_found
from vlbench.runs.session import Session

if TYPE_CHECKING:
    from vlbench.budget import Budget
    from vlbench.registry.registry import Registry


def run_many(
    registry: Registry, *, methods: Sequence[str], budgets: Sequence[Budget], request: RunRequest, observer: Observer
) -> list[Record]:
    """Every method at every budget with every distillation seed, then the baselines of the protocol.

    Experts, features, students and baselines are shared. If a row fails, its record stores the reason and the other
    rows still run. When only one row was requested, an error that a user can cause is raised instead. If every
    requested row failed, no baseline is run.

    Returns:
        the records of the requested rows, in that order, and of the baselines.
    """
    asked = asked_jobs(registry, methods, budgets, request)
    session = Session(registry, request, observer)
    records = _run_jobs(session, asked, alone=len(asked) == 1)
    if all(record.status == "failed" for record in records):
        return records
    rows = session.protocol.rows
    matched = [job for record in records if (job := matched_job(registry, rows, record)) is not None]
    baselines = _run_jobs(session, baseline_jobs(registry, rows, budgets, request.seeds) + matched)
    done = {record.id for record in records}
    return records + [record for record in baselines if record.id not in done]


def _run_jobs(session: Session, jobs: Sequence[Job], *, alone: bool = False) -> list[Record]:
    rows = [partial(run_job, session, job, alone=alone) for job in jobs]
    commands = [worker_words(job, session.request, session.registry.plugin_files) for job in jobs]
    return execute(session.registry, session.request.executor, rows, commands)


def run_job(session: Session, job: Job, *, alone: bool = False) -> Record:
    """The record of a job: found where it is finished already, else made, scored and written.

    Args:
        session: shared by the jobs of a command.
        job: what to make.
        alone: an error that a user can cause is raised, not recorded.
    """
    blank = asked_record(session, job)
    folder = session.observer.folder = session.request.out / blank.id
    if is_whole(folder) and (found := _reused(session, job, blank, folder)) is not None:
        return found
    with alone_with(folder, str(job), session.observer.message):
        # Another process may have made it meanwhile.
        return _reused(session, job, blank, folder) or _made(session, job, blank, folder, alone=alone)


def _made(session: Session, job: Job, blank: Record, folder: Path, *, alone: bool) -> Record:
    with sealing(folder):
        record = _attempt(session, job, blank, folder, alone=alone)
        if record.status != "finished":
            session.observer.message(f"{job}: {record.status}: {record.message}")
        for text in record.warnings[len(session.data_warnings) :]:
            session.observer.message(f"{job}: {text}")
        write_record(folder, record)
        if record.status != "failed":
            remove_traces(folder)
    written = read_record(folder)
    session.observer.record(written)
    return written


def _attempt(session: Session, job: Job, blank: Record, folder: Path, *, alone: bool) -> Record:
    try:
        return finished_record(session, blank, make_row(session, job, folder))
    except DivergedError as error:
        return replace(blank, status="diverged", message=str(error))
    except VlbenchError as error:
        if alone:
            raise
        return replace(blank, message=str(error))
    except Exception as error:  # a plugin's fault must not take the other rows with it
        write_whole(folder / "error.txt", traceback.format_exc().encode())
        return replace(blank, message=f"{type(error).__name__}: {error} (whole text in error.txt)")


def make_row(session: Session, job: Job, folder: Path) -> Made:
    """Artifact, check, save, scores: what is observed of a job. Files beside the record are written here."""
    if job.method == CHANCE:
        return Made()
    session.open_students()
    condensed = condense(session, job, folder) if job.has_method else None
    artifact = condensed.artifact if condensed else full_artifact(session)
    if condensed:
        save_artifact(artifact, folder)
    scored = score(session, artifact, job.seed, label=job.method)
    write_found(folder, session, scored)
    start = score_start(session, artifact, job.seed)
    if condensed:
        write_looks(folder, session, artifact)
    return Made(condensed, scored, start)


def _reused(session: Session, job: Job, blank: Record, folder: Path) -> Record | None:
    """The finished row that is on disk, if any; what is damaged of it, and students it lacks, are made again."""
    run = find_run(folder, session.observer.message)
    found = run.record
    if found is None or not found.same_request(blank) or found.status != "finished":
        return None
    other = found.method_code not in ("", blank.method_code)
    by = ", by other code of the method: remove it to run this code" if other else ""
    session.observer.message(f"{job}: finished before, see {folder}{by}")
    if run.missing or not all(student in found.scores for student in session.students):
        with sealing(folder):
            found = scored_again(session, job, found, folder)
            write_record(folder, found)
    session.observer.found(found)
    return replace(found, baseline=job.baseline)

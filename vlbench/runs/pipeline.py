"""A run as a line of values: request, jobs, data, artifact, check, save, scores, record.

Every stage returns a value. Nothing is saved before it is checked.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from vlbench.artifacts.artifact import load_artifact, save_artifact
from vlbench.errors import DivergedError, VlbenchError
from vlbench.files import write_whole
from vlbench.progress import Observer, about_text
from vlbench.records.record import FILE_NAME as RECORD
from vlbench.records.record import Record, read_record, write_record
from vlbench.registry.invoke import import_all
from vlbench.runs.condense import condense
from vlbench.runs.executors import Unit, execute
from vlbench.runs.grid import Grid, write_grid
from vlbench.runs.jobs import (
    CHANCE,
    Job,
    asked_jobs,
    baseline_jobs,
    matched_job,
)
from vlbench.runs.nearest import missing_nearest, score_nearest
from vlbench.runs.plan import Planned, RunPlan, plan_of
from vlbench.runs.recording import Made, asked_record, finished_record
from vlbench.runs.recover import alone_with, find_run, is_whole, remove_traces, sealing
from vlbench.runs.request import RunRequest
from vlbench.runs.rescoring import full_artifact, scored_again, write_looks
from vlbench.runs.scoring import score, score_start, write_found
from vlbench.runs.session import Session
from vlbench.visible import cause_of, text_of, visible

if TYPE_CHECKING:
    from vlbench.budget import Budget
    from vlbench.registry.registry import Registry


def run_many(
    registry: Registry, *, methods: Sequence[str], budgets: Sequence[Budget], request: RunRequest, observer: Observer
) -> list[Record]:
    """Every method at every budget with every distillation seed, and the baselines of the protocol, in one wave.

    Experts, features, students and baselines are shared. If a row fails, its record stores the reason and the other
    rows still run. When only one row was requested, an error that a user can cause is raised instead. If every
    requested row failed, no baseline is run after them.

    Returns:
        the records of the requested rows, in that order, and of the baselines.
    """
    session, plan = planned(registry, methods=methods, budgets=budgets, request=request, observer=observer)
    for line in plan.lines():
        session.observer.message(line)
    return run_plan(session, plan)


def planned(
    registry: Registry, *, methods: Sequence[str], budgets: Sequence[Budget], request: RunRequest, observer: Observer
) -> tuple[Session, RunPlan]:
    """What :func:`run_many` would make, and with what; nothing is made."""
    session = Session(registry, request, observer)
    import_all(registry, "method", {*methods, *session.protocol.rows.always})
    asked = asked_jobs(registry, methods, budgets, request)
    return session, plan_of(session, [*asked, *baseline_jobs(registry, session.protocol.rows, budgets, request.seeds)])


def grid_of(session: Session, rows: Sequence[Planned]) -> Grid:
    """The file from which a process of its own makes one of the rows."""
    jobs, ids = [row.job for row in rows], [row.blank.id for row in rows]
    return write_grid(jobs, ids, session.request, session.registry, session.cache.root)


def run_plan(session: Session, plan: RunPlan) -> list[Record]:
    """Make what was planned; see :func:`run_many`."""
    rows, wave = plan.rows, Wave(session, plan.rows)
    found = execute(session.registry, session.request.executor, wave.units())
    asked = [made[0] for made, row in zip(found, rows, strict=True) if made and not row.job.baseline]
    if all(record.status == "failed" for record in asked):
        return asked
    baselines = [made[0] for made, row in zip(found, rows, strict=True) if made and row.job.baseline]
    baselines.append(run_job(session, Job(CHANCE, baseline=True)))  # computed: no work for a process of its own
    matched = [record for made in found for record in made[1:]]
    done = {record.id for record in [*asked, *baselines]}
    return [*asked, *baselines, *(record for record in matched if record.id not in done)]


class Wave:
    """The rows of one command, each with the baseline that is matched to it, and how many are done.

    Args:
        session: shared by the rows.
        rows: to make.
    """

    def __init__(self, session: Session, rows: Sequence[Planned]) -> None:
        self._session, self._rows = session, rows
        self._requested = sum(not row.job.baseline for row in rows)
        self._grid = grid_of(session, rows)
        self._asked: list[Record] = []
        self._left = {index: row.left_s for index, row in enumerate(rows)}

    def units(self) -> list[Unit[list[Record]]]:
        """What an executor runs."""
        grid, device = self._grid, self._session.request.device
        return [
            Unit(
                partial(self._make, index),
                row.needs(device, str(grid.log(index))),
                grid.words(index),
                partial(self._take, index),
            )
            for index, row in enumerate(self._rows)
        ]

    def _make(self, index: int) -> list[Record]:
        job = self._rows[index].job
        failed = sum(record.status == "failed" for record in self._asked)
        if job.baseline and failed == self._requested:
            return []
        alone = self._requested == 1 and not job.baseline
        return self._counted(index, run_with_match(self._session, job, alone=alone))

    def _take(self, index: int, ended: str) -> list[Record]:
        """What a row's own process has written, whatever its status; a failed one is not made again here."""
        session, since, row = self._session, self._grid.since_ns, self._rows[index]
        record = _written(session, row.job, row.blank, since) or _lost(session, row, ended, self._grid.log(index))
        matched = matched_job(session.registry, session.protocol.rows, record)
        if matched is None:
            return self._counted(index, [record])
        found = _written(session, matched, asked_record(session, matched), since)
        return self._counted(index, [record, found or run_job(session, matched)])

    def _counted(self, index: int, made: list[Record]) -> list[Record]:
        if not self._rows[index].job.baseline:
            self._asked.append(made[0])
        del self._left[index]
        if self._left:
            seconds = sum(left_s for left_s in self._left.values() if left_s is not None)
            about = f", about {about_text(seconds)} left" if seconds > 0 else ""
            done, count = len(self._rows) - len(self._left), len(self._rows)
            self._session.observer.message(f"{done} of {count} rows{about}")
        return made


def run_with_match(session: Session, job: Job, *, alone: bool = False) -> list[Record]:
    """The record of a job, and that of the baseline of its own size where the protocol has one for it."""
    record = run_job(session, job, alone=alone)
    matched = matched_job(session.registry, session.protocol.rows, record)
    return [record, *([run_job(session, matched)] if matched else [])]


def _written(session: Session, job: Job, blank: Record, since_ns: int) -> Record | None:
    """The record of a row as it lies there: finished at any time, or of another status since this wave began."""
    folder = session.request.out / blank.id
    found = _reused(session, job, blank, folder) if is_whole(folder) else None
    if found is None and is_whole(folder) and (folder / RECORD).stat().st_mtime_ns >= since_ns:
        found = read_record(folder)
    return found


def _lost(session: Session, row: Planned, ended: str, log: Path) -> Record:
    """The record of a row whose process ended without one."""
    folder = session.request.out / row.blank.id
    why = f": {ended}" if ended else ""
    record = replace(row.blank, message=f"its process ended without a record{why}. What it printed: {log}")
    with alone_with(folder, str(row.job), session.observer.message), sealing(folder):
        write_record(folder, record)
    session.observer.message(f"{row.job}: failed: {record.message}")
    return record


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
    began = time.perf_counter()
    with sealing(folder), session.beating.row(folder, str(job)):
        record = _attempt(session, job, blank, folder, alone=alone)
        if record.status != "finished":
            session.observer.message(f"{job}: {record.status}: {record.message}")
        for text in record.warnings[len(session.data_warnings) :]:
            session.observer.message(f"{job}: {text}")
        write_record(folder, record)
        if record.status != "failed":
            remove_traces(folder)
    written = read_record(folder)
    if written.status == "finished":
        session.timings.add(written, time.perf_counter() - began)
    session.observer.record(written)
    return written


def _attempt(session: Session, job: Job, blank: Record, folder: Path, *, alone: bool) -> Record:
    try:
        return finished_record(session, blank, make_row(session, job, folder))
    except DivergedError as error:
        return replace(blank, status="diverged", message=visible(text_of(error)))
    except VlbenchError as error:
        if alone:
            raise
        return replace(blank, message=visible(text_of(error)))
    except Exception as error:  # a plugin's fault must not take the other rows with it
        write_whole(folder / "error.txt", traceback.format_exc().encode(errors="backslashreplace"))
        return replace(blank, message=f"{cause_of(error)} (whole text in error.txt)")


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
    nearest = score_nearest(session, artifact, job.seed, missing_nearest(session, artifact, ()))
    if condensed:
        write_looks(folder, session, artifact)
    return Made(condensed, scored, start, nearest)


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
    elif found.family == "distillation" and set(session.protocol.rows.nearest) - set(found.nearest):
        found = _with_nearest(session, job, found, folder)
    session.observer.found(found)
    return replace(found, baseline=job.baseline)


def _with_nearest(session: Session, job: Job, found: Record, folder: Path) -> Record:
    """The record with the rows of near train items that it lacks."""
    artifact = load_artifact(folder)
    names = missing_nearest(session, artifact, list(found.nearest))
    if not names:
        return found
    with sealing(folder):
        nearest = score_nearest(session, artifact, job.seed, names, students=list(found.scores))
        found = replace(found, nearest={**found.nearest, **nearest})
        write_record(folder, found)
    return found

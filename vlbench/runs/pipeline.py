"""One run, from names to a record: spec, protocol, data, method, artifact, scores, record."""

from __future__ import annotations

import datetime
import json
import traceback
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.artifacts.artifact import (
    Artifact,
    DistilledPairs,
    check_artifact,
    check_family,
    load_artifact,
    save_artifact,
)
from vlbench.artifacts.coded_size import artifact_bytes
from vlbench.board.notebook import RunRecord
from vlbench.budget import Budget
from vlbench.errors import DivergedError, VlbenchError
from vlbench.evaluation.retrieval import clusters
from vlbench.files import write_whole
from vlbench.progress import Observer, SilentObserver
from vlbench.records.ranks import write_ranks
from vlbench.records.record import ASKED, read_record, record_id, write_record
from vlbench.registry.code import code_hash
from vlbench.registry.invoke import make
from vlbench.registry.options import options_for_each
from vlbench.registry.specs import MethodSpec
from vlbench.runs.executors import execute
from vlbench.runs.jobs import (
    CHANCE,
    FULL,
    RANDOM,
    RESCORED,
    WITHOUT_METHOD,
    Job,
    asked_jobs,
    baseline_jobs,
    matched_random,
    run_words,
)
from vlbench.runs.meter import Meter
from vlbench.runs.plugin_scores import declared_scores
from vlbench.runs.preview import write_examples, write_preview
from vlbench.runs.recover import alone_with, find_run, is_whole, sealing
from vlbench.runs.request import AS_RECORDED, RunRequest
from vlbench.runs.scores import chance_scores, student_scores
from vlbench.runs.session import Session
from vlbench.runs.worker import worker_words
from vlbench.seeds import SeedTree
from vlbench.students.training_sets import full_selection, training_set

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry

Record = dict[str, Any]


def run(
    *, method: str, budget: Budget | int | str, suite: str = "scenes", out: Path | str = "runs", **more: Any
) -> RunRecord:
    """Condense, score and record; what ``vlbench run`` does.

    Args:
        method: a declared method.
        budget: a number of pairs, or of bytes as in ``"5MB"``.
        suite: a declared suite, or the path of a TOML file.
        out: folder of the runs.
        more: ``seed`` (0, of the distillation), ``device`` ("auto"), ``options`` and ``overrides`` (name -> value),
            ``students`` (declared ones that score beside the protocol's), ``executor`` ("serial"), ``observer``, and
            ``plugins`` (files).

    Returns:
        the record, a dict as also written to ``<out>/<id>/record.json``: scores in percent, ``cost`` in seconds
        (``_s``) and bytes. A notebook draws it as a table. A method that failed or diverged is a ``status`` of its
        record, not an error. The rows that give it meaning are made beside it.

    Raises:
        vlbench.errors.VlbenchError: a name, option, budget or file is wrong.

    Examples:
        >>> import vlbench
        >>> record = vlbench.run(method="random", budget=20, suite="scenes-mini")
        >>> record["status"], record["cost"]["pairs"]
        ('finished', 20)
        >>> 0 < record["scores"]["convnet"]["mean_recall"]["mean"] < 100
        True
    """
    from vlbench.registry.loader import load_registry

    registry = load_registry(more.pop("plugins", ()))
    observer = more.pop("observer", SilentObserver())
    students = tuple(more.pop("students", ()))
    request = RunRequest(suite=suite, out=Path(out), seeds=(more.pop("seed", 0),), students=students, **more)
    parsed = [Budget.parse(budget)]
    record = run_many(registry, methods=[method], budgets=parsed, request=request, observer=observer)[0]
    return RunRecord(record, request.out / record["id"])


def run_many(
    registry: Registry, *, methods: Sequence[str], budgets: Sequence[Budget], request: RunRequest, observer: Observer
) -> list[Record]:
    """Every method at every budget with every distillation seed, then the rows that give them meaning.

    Experts, features, students and those rows are shared. A row that fails leaves a record that says why, and the
    others are made; where one row alone is asked for, an error that a user can cause is the command's. Where none that
    was asked for finished or diverged, there is nothing to give meaning to.

    Returns:
        the records of the rows asked for, in that order, and of the others.
    """
    specs = {name: registry.method(name) for name in methods}
    options = options_for_each(request.options, {name: spec.options for name, spec in specs.items()})
    work = Session(registry, request, observer)
    for name, spec in specs.items():
        work.method_options(spec, options[name])
    asked = asked_jobs(options, budgets, request.seeds)
    records = _run_jobs(work, asked, alone=len(asked) == 1)
    if all(record["status"] == "failed" for record in records):
        return records
    done = {record["id"] for record in records}
    always = baseline_jobs(work.protocol.rows, budgets, request.seeds)
    if RANDOM in work.protocol.rows.always:
        always += [job for record in records if (job := matched_random(record)) is not None]
    shared = _run_jobs(work, always)
    return records + [record for record in shared if record["id"] not in done]


def _run_jobs(work: Session, jobs: Sequence[Job], *, alone: bool = False) -> list[Record]:
    rows = [partial(run_job, work, job, alone=alone) for job in jobs]
    commands = [worker_words(job, work.request, work.registry.plugin_files) for job in jobs]
    return execute(work.registry, work.request.executor, rows, commands)


def run_job(work: Session, job: Job, *, alone: bool = False) -> Record:
    """One row: found where it is finished already, else made, scored and written.

    Args:
        work: shared by the rows of a command.
        job: what to make.
        alone: an error that a user can cause is raised, not recorded.
    """
    record = _blank(work, job)
    folder = work.request.out / record["id"]
    if is_whole(folder) and (found := _found(work, record, job, folder)) is not None:
        return found
    with alone_with(folder, str(job), work.observer.message):
        found = _found(work, record, job, folder)  # whole now, where another process made it meanwhile
        if found is None:
            with sealing(folder):
                found = _made(work, record, job, folder, alone=alone)
            work.observer.record(found)
        return found


def _found(work: Session, asked: Record, job: Job, folder: Path) -> Record | None:
    """The finished row where it is on disk, made whole and scored on all that is asked for; else None."""
    run = find_run(folder, work.observer.message)
    found = run.record
    if found is None or found["status"] != "finished" or not _same(found, asked):
        return None
    other = found.get("method_code", asked["method_code"]) != asked["method_code"]
    by = ", by other code of the method: remove it to run this code" if other else ""
    work.observer.message(f"{job}: finished before, see {folder}{by}")
    if run.missing or not all(student in found["scores"] for student in work.students):
        with sealing(folder):
            _score_again(work, found, job, folder)
    return {**found, "always_on": job.always_on}


def _made(work: Session, record: Record, job: Job, folder: Path, *, alone: bool) -> Record:
    try:
        _make(work, record, job, folder)
        record["status"] = "finished"
    except DivergedError as error:
        record.update(status="diverged", message=str(error))
    except VlbenchError as error:
        if alone:
            raise
        record["message"] = str(error)
    except Exception as error:  # a plugin's fault must not take the other rows with it
        write_whole(folder / "error.txt", traceback.format_exc().encode())
        record["message"] = f"{type(error).__name__}: {error} (whole text in error.txt)"
    if record["status"] != "finished":
        work.observer.message(f"{job}: {record['status']}: {record['message']}")
    write_record(folder, record)
    if record["status"] != "failed":
        (folder / "checkpoint.safetensors").unlink(missing_ok=True)
    return read_record(folder)


def _score_again(work: Session, found: Record, job: Job, folder: Path) -> None:
    """A finished row, on students that it was not scored with; on the others the scores come out as they were."""
    work = work.with_students(found["scores"])
    if job.name == CHANCE:
        found["scores"] = chance_scores(work)
    else:
        artifact = _artifact(work, job, folder)
        again = rescore(work, artifact, found["seed"], keep=folder)
        found.update({key: again[key] for key in ("scores", "chosen", "encoders", "plugin_scores")})
        found["cost"].update({key: again["cost"][key] for key in ("train_s", "score_s")})
        if "start" in again:
            found["start"].update({key: again["start"][key] for key in ("scores", "chosen")})
        if job.name != FULL:
            write_preview(folder, artifact, work.dataset.split("train"), work.evaluator(work.protocol.reference))
    found["command"] = _command(work, job)
    write_record(folder, found)


def _artifact(work: Session, job: Job, folder: Path) -> Artifact:
    if job.name == FULL:
        return full_selection(work.dataset.split("train").pairs, work.dataset.fingerprint)
    return load_artifact(folder)


def _make(work: Session, record: Record, job: Job, folder: Path) -> None:
    if job.name == CHANCE:
        record["scores"] = chance_scores(work)
    elif job.name == FULL:
        _score(work, record, _artifact(work, job, folder), keep=folder)
    else:
        _condense_and_score(work, record, job, folder)


def _condense_and_score(work: Session, record: Record, job: Job, folder: Path) -> None:
    spec = work.registry.method(job.name)
    train = work.dataset.split("train")
    artifact = _condense(work, record, spec, job, folder)
    save_artifact(artifact, folder)
    cost = record["cost"]
    Budget.parse(job.budget).check_artifact_size(job.name, pairs=cost["pairs"], size=cost["bytes"])
    _score(work, record, artifact, keep=folder)
    if isinstance(artifact, DistilledPairs) and artifact.start is not None:
        start: Record = {"cost": {"bytes": artifact_bytes(artifact.start, train)}, "seed": record["seed"]}
        _score(work, start, artifact.start, label="start")
        record["start"] = {key: start[key] for key in ("scores", "chosen", "cost")}
    write_preview(folder, artifact, train, work.evaluator(work.protocol.reference))


def _condense(work: Session, record: Record, spec: MethodSpec, job: Job, folder: Path) -> Artifact:
    method = make(work.registry, "method", job.name, work.method_options(spec, job.options))
    seeds = SeedTree(job.seed).child("condense")
    view, context = work.context(spec, seeds)
    budget = Budget.parse(job.budget)
    budget.check_available(len(view))
    context.student  # noqa: B018  # built before the clock starts: features and statistics belong to no method
    context.work = folder
    work.observer.phase(f"{job.name} {job.budget}", None, spec.summary)
    with Meter() as meter:
        context.clock = meter
        artifact: Artifact = method.condense(view, budget, context)
    work.observer.done(f"{meter.seconds:.1f} s")
    train = work.dataset.split("train")
    check_family(artifact, spec.family)
    check_artifact(artifact, train=train, fingerprint=work.dataset.fingerprint)
    record["cost"].update(
        pairs=len(artifact),
        bytes=artifact_bytes(artifact, train),
        condense_s=meter.seconds,
        peak_rss_bytes=meter.peak_bytes,
    )
    if meter.before_s:
        record["resumed"] = True
    record["curves"] = context.curves
    return artifact


def _score(work: Session, record: Record, artifact: Artifact, *, label: str = "", keep: Path | None = None) -> None:
    """Train and score every student; ranks are written to the folder ``keep``."""
    protocol = work.protocol
    record["scores"], record["chosen"], record["encoders"] = {}, {}, {}
    ranks = {}
    seeds = SeedTree(record["seed"]).child("score")
    name = f"students of {label or record['method']}"
    # Built before the clock starts: features and statistics belong to no row.
    evaluators = {student: work.evaluator(student) for student in work.students}
    before_s = sum(evaluator.score_s for evaluator in evaluators.values())
    with Meter() as meter:
        for student, evaluator in evaluators.items():
            data = training_set(artifact, evaluator.student, evaluator.tower_inputs["train"])
            choices = len(protocol.training.grid) if len(protocol.training.grid) > 1 else 0
            work.observer.phase(name, choices + protocol.training.seeds, student)
            outcome = evaluator.outcome(data, seeds, protocol.training.seeds, work.observer.advance)
            record["scores"][student] = student_scores(outcome.runs)
            record["chosen"][student] = asdict(outcome.chosen)
            towers = evaluator.student.towers.items()
            record["encoders"][student] = {side: tower.encoder.identity for side, tower in towers}
            ranks[student] = outcome.ranks
            work.observer.done(f"mean recall {record['scores'][student]['mean_recall']['mean']:.1f}")
    counts = {side: work.scored.count(side) for side in work.dataset.sides}
    if keep is not None:
        write_ranks(keep, ranks, clusters(work.scored.pairs, counts))
        write_examples(keep, work.scored, ranks, sides=work.dataset.sides)
    if not label:
        record["plugin_scores"] = declared_scores(work.registry, ranks, counts, work.observer.message)
    record["cost"].setdefault("pairs", len(artifact))
    score_s = sum(evaluator.score_s for evaluator in evaluators.values()) - before_s
    record["cost"].update(train_s=meter.seconds - score_s, score_s=score_s)


def _blank(work: Session, job: Job) -> Record:
    """Everything asked, and the environment; scores and cost follow."""
    protocol = work.protocol
    spec = work.registry.method(job.name) if job.name not in WITHOUT_METHOD else None
    # As JSON gives them back, where a tuple is a list: a finished run is found by comparing with its record.
    options = json.loads(json.dumps(asdict(work.method_options(spec, job.options)))) if spec else {}
    asked = {
        "method": job.name,
        "budget": job.budget,
        "suite": protocol.name,
        "protocol_hash": protocol.hash,
        "options": options,
        "seed": job.seed,
        "data_fingerprint": work.dataset.fingerprint,
        **({"beside": dict(job.beside)} if job.beside else {}),
    }
    return {
        "id": record_id(asked),
        **asked,
        "status": "failed",
        "family": spec.family if spec else "reference",
        "deterministic": spec.deterministic if spec else job.name == FULL,
        "protocol_version": protocol.version,
        "overrides": protocol.overrides,
        "mock": work.dataset.mock,
        "reference": protocol.reference,
        "scores": {},
        "cost": {},
        "environment": work.environment(),
        "plugins": work.registry.plugin_rows(),
        "method_code": code_hash(spec.target) if spec else "",
        "always_on": job.always_on,
        "command": _command(work, job),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _command(work: Session, job: Job) -> list[str]:
    suite = work.request.suite
    return run_words(job, work.request, suite=Path(suite).name if suite.endswith(".toml") else suite)


def _same(found: Record, asked: Record) -> bool:
    return all(found.get(field) == asked.get(field) for field in ASKED)


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
        observer: told of phases.
    """
    folder = Path(path)
    artifact = load_artifact(folder)
    beside = read_record(folder) if (folder / "record.json").exists() else {}
    request = replace(request, suite=request.suite or beside.get("suite", "scenes"))
    work = Session(registry, request, observer or SilentObserver())
    train = work.dataset.split("train")
    check_artifact(artifact, train=train, fingerprint=work.dataset.fingerprint)
    record = _blank(work, Job(RESCORED, str(len(artifact)), {}, beside.get("seed", 0)))
    record.update({key: beside[key] for key in ("method", "budget", "options", "family") if key in beside})
    _score(work, record, artifact)
    record["status"] = "finished"
    return record


def rescore(work: Session, artifact: Artifact, seed: int, *, keep: Path) -> Record:
    """Scores and chosen settings of fresh students on an artifact, and on what it started from: as a run gives them.

    The ranks of the artifact are written to the folder ``keep``.
    """
    record: Record = {"method": RESCORED, "seed": seed, "cost": {}}
    _score(work, record, artifact, keep=keep)
    if isinstance(artifact, DistilledPairs) and artifact.start is not None:
        record["start"] = {"seed": seed, "cost": {}}
        _score(work, record["start"], artifact.start, label="the start")
    return record

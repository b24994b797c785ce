"""What is asked and observed of a row, as the fields of a record."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from vlbench.artifacts.coded_size import artifact_bytes
from vlbench.records.record import NO_FAMILY, Cost, PluginRow, Record, StartRecord, record_id
from vlbench.registry.code import code_hash
from vlbench.runs.jobs import CHANCE, FULL, RESCORED, Job, changed_options, command_words, options_json
from vlbench.runs.method_call import Condensed
from vlbench.runs.plugin_scores import declared_scores
from vlbench.runs.row_warnings import row_warnings
from vlbench.runs.scoring import Scored, chance_scores

if TYPE_CHECKING:
    from vlbench.runs.session import Session


@dataclass(frozen=True)
class Made:
    """What was observed of a row, before it is written as a record.

    Attributes:
        condensed: None for full data and chance, which no method makes.
        scored: None for chance, whose scores are computed.
        start: scores of the real pairs that a distillation started from, if any.
        nearest: scores of train items near what was learned, by the name of the row.
    """

    condensed: Condensed | None = None
    scored: Scored | None = None
    start: Scored | None = None
    nearest: dict[str, StartRecord] = field(default_factory=dict)


def asked_record(session: Session, job: Job) -> Record:
    """Everything asked, and the environment; what is observed follows."""
    protocol = session.protocol
    spec = session.registry.get("method", job.method) if job.method not in (FULL, CHANCE, RESCORED) else None
    blank = Record(
        id="",
        method=job.method,
        budget=job.budget_text,
        suite=protocol.name,
        protocol_hash=protocol.hash,
        options=options_json(job.options),
        seed=job.seed,
        data_fingerprint=session.dataset.fingerprint,
        matched_to=job.matched_to,
        status="failed",
        family=spec.family if spec else NO_FAMILY,
        deterministic=spec.deterministic if spec else job.method == FULL,
        tries=spec.tries if spec and not any(changed_options(job.options)) else 0,
        protocol_version=protocol.version,
        overrides=dict(protocol.overrides),
        baselines=sorted(protocol.rows.always, key=lambda name: name != protocol.rows.reference_row),
        mock=session.dataset.mock,
        reference=protocol.reference,
        scores={},
        cost=Cost(),
        warnings=list(session.data_warnings),
        environment=session.environment(),
        plugins=[PluginRow(**row) for row in session.registry.plugin_rows()],
        method_code=code_hash(spec.target) if spec else "",
        baseline=job.baseline,
        command=command_of(session, job),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    )
    return replace(blank, id=record_id(blank))


def finished_record(session: Session, blank: Record, made: Made) -> Record:
    """The record of a finished row: what was asked, and all that was observed."""
    if made.scored is None:
        return replace(blank, status="finished", scores=chance_scores(session))
    record = replace(
        with_scores(session, blank, made.scored),
        status="finished",
        cost=_cost(session, made.scored, made.condensed),
        start=_start(session, made),
        nearest=made.nearest,
        warnings=[*blank.warnings, *_said_of_data(session)],
    )
    if made.condensed is None:
        return record
    record = _with_method(record, made.condensed)
    said = row_warnings(record, session.registry.get("method", record.method))
    return replace(record, warnings=[*record.warnings, *said])


def _said_of_data(session: Session) -> list[str]:
    """Notes of the dataset, without the folders of this machine."""
    root = f"{session.cache.root}/"
    return [note.replace(root, "")[:1000] for note in session.dataset.notes]


def _with_method(record: Record, condensed: Condensed) -> Record:
    """The record with what was seen of the method."""
    return replace(
        record,
        curves=dict(condensed.curves),
        settings=dict(condensed.settings),
        warnings=[*record.warnings, *condensed.warnings],
        resumed=condensed.before_s > 0,
    )


def with_scores(session: Session, record: Record, scored: Scored) -> Record:
    """The record with what students of its artifact gave; its cost stays as it is."""
    counts = {side: session.scored.count(side) for side in session.dataset.sides}
    of_plugins = declared_scores(session.registry, scored.ranks, counts, session.observer.message)
    return replace(
        record, scores=scored.scores, chosen=scored.chosen, encoders=scored.encoders, plugin_scores=of_plugins
    )


def _start(session: Session, made: Made) -> StartRecord | None:
    artifact = getattr(made.condensed and made.condensed.artifact, "start", None)
    if made.start is None or artifact is None:
        return None
    size = artifact_bytes(artifact, session.dataset.split("train"))
    cost = Cost(pairs=len(artifact), bytes=size, train_s=made.start.train_s, score_s=made.start.score_s)
    return StartRecord(scores=made.start.scores, chosen=made.start.chosen, cost=cost)


def _cost(session: Session, scored: Scored, condensed: Condensed | None) -> Cost:
    if condensed is None:
        return Cost(pairs=len(session.dataset.split("train").pairs), train_s=scored.train_s, score_s=scored.score_s)
    return Cost(
        pairs=len(condensed.artifact),
        bytes=condensed.bytes,
        condense_s=condensed.seconds,
        train_s=scored.train_s,
        score_s=scored.score_s,
        peak_rss_bytes=condensed.peak_bytes,
        device_peak_bytes=condensed.device_peak_bytes,
        device_busy=condensed.device_busy,
        step_s=condensed.step_s,
    )


def command_of(session: Session, job: Job) -> list[str]:
    """The command that makes the row; of a suite file, its name alone."""
    suite = session.request.suite
    return command_words(job, session.request, suite=Path(suite).name if suite.endswith(".toml") else suite)

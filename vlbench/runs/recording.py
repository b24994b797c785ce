"""What is asked and observed of a row, as the fields of a record."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.artifacts.coded_size import artifact_bytes
from vlbench.records.record import record_id
from vlbench.registry.code import code_hash
from vlbench.runs.condensing import Condensed
from vlbench.runs.jobs import CHANCE, FULL, RESCORED, Job, command_words, options_json
from vlbench.runs.plugin_scores import declared_scores
from vlbench.runs.scoring import Scored, chance_scores

if TYPE_CHECKING:
    from vlbench.runs.session import Session

Record = dict[str, Any]


@dataclass(frozen=True)
class Made:
    """What was observed of a row, before it is written as a record.

    Attributes:
        condensed: None for full data and chance, which no method makes.
        scored: None for chance, whose scores are computed.
        start: scores of the real pairs that a distillation started from, if any.
    """

    condensed: Condensed | None = None
    scored: Scored | None = None
    start: Scored | None = None


def asked_record(session: Session, job: Job) -> Record:
    """Everything asked, and the environment; what is observed follows."""
    protocol = session.protocol
    spec = session.registry.method(job.method) if job.method not in (FULL, CHANCE, RESCORED) else None
    asked = {
        "method": job.method,
        "budget": job.budget_text,
        "suite": protocol.name,
        "protocol_hash": protocol.hash,
        "options": options_json(job.options),
        "seed": job.seed,
        "data_fingerprint": session.dataset.fingerprint,
        **({"beside": dict(job.matched_to)} if job.matched_to else {}),
    }
    return {
        "id": record_id(asked),
        **asked,
        "status": "failed",
        "family": spec.family if spec else "reference",
        "deterministic": spec.deterministic if spec else job.method == FULL,
        "protocol_version": protocol.version,
        "overrides": protocol.overrides,
        "mock": session.dataset.mock,
        "reference": protocol.reference,
        "scores": {},
        "cost": {},
        "environment": session.environment(),
        "plugins": session.registry.plugin_rows(),
        "method_code": code_hash(spec.target) if spec else "",
        "always_on": job.baseline,
        "command": command_of(session, job),
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def finished_record(session: Session, blank: Record, made: Made) -> Record:
    """The record of a finished row: what was asked, and all that was observed."""
    if made.scored is None:
        return {**blank, "status": "finished", "scores": chance_scores(session)}
    record = {**blank, "status": "finished", **score_fields(session, made.scored), "cost": _cost(session, made)}
    if made.start is not None:
        record["start"] = {**start_fields(made.start), "cost": _start_cost(session, made, made.start)}
    if made.condensed is not None:
        record["curves"] = made.condensed.curves
        record |= {"resumed": True} if made.condensed.resumed else {}
    return record


def score_fields(session: Session, scored: Scored) -> Record:
    """The fields of a record that students give."""
    counts = {side: session.scored.count(side) for side in session.dataset.sides}
    return {
        "scores": scored.scores,
        "chosen": scored.chosen,
        "encoders": scored.encoders,
        "plugin_scores": declared_scores(session.registry, scored.ranks, counts, session.observer.message),
    }


def start_fields(scored: Scored) -> Record:
    """The fields of a record's ``start``, without its cost."""
    return {"scores": scored.scores, "chosen": scored.chosen}


def _cost(session: Session, made: Made) -> Record:
    assert made.scored is not None
    condensed, seconds = made.condensed, {"train_s": made.scored.train_s, "score_s": made.scored.score_s}
    if condensed is None:
        return {"pairs": len(session.dataset.split("train").pairs), **seconds}
    fields = ("pairs", "bytes", "condense_s", "peak_rss_bytes")
    return {**{field: getattr(condensed, field) for field in fields}, **seconds}


def _start_cost(session: Session, made: Made, start: Scored) -> Record:
    artifact = getattr(made.condensed and made.condensed.artifact, "start", None)
    assert artifact is not None
    size = artifact_bytes(artifact, session.dataset.split("train"))
    return {"bytes": size, "pairs": len(artifact), "train_s": start.train_s, "score_s": start.score_s}


def command_of(session: Session, job: Job) -> list[str]:
    """The command that makes the row; of a suite file, its name alone."""
    suite = session.request.suite
    return command_words(job, session.request, suite=Path(suite).name if suite.endswith(".toml") else suite)

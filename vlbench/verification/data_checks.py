"""What can be said of a claim with the protocol and the data at hand, before any student is trained."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vlbench.artifacts.artifact import (
    ITEMS,
    Artifact,
    DistilledPairs,
    Selection,
    check_artifact,
    load_artifact,
)
from vlbench.artifacts.coded_size import artifact_bytes
from vlbench.budget import Budget
from vlbench.errors import ArtifactError, BudgetError
from vlbench.records.record import Cost, Record, StartRecord
from vlbench.runs.heard import same_sounds
from vlbench.runs.preview import text_cosines, write_preview
from vlbench.verification.artifact_form import check_form
from vlbench.verification.checks import ClaimCheck, verdict
from vlbench.verification.untrusted import parse_json

if TYPE_CHECKING:
    from vlbench.data.pairs import Split
    from vlbench.runs.session import Session

VECTORS = (torch.float32, torch.float16, torch.uint8)
CAPTION_TOLERANCE = 1e-4
"""Cosine by which a caption may be farther from a learned text than the nearest one."""


NAMES_BASELINES = 4
"""Schema of the first records that name the baselines of their suite, and in which no field of a run may be missing."""


def open_artifact(folder: Path) -> Artifact:
    """A stranger's artifact.

    Raises:
        ArtifactError: whatever is wrong with it.
        DataError: its JSON is none of ours.
    """
    about = parse_json((folder / "artifact.json").read_bytes(), "artifact.json")
    try:
        check_form(about, folder / "artifact.safetensors")
        return load_artifact(folder)
    except ArtifactError:
        raise
    except Exception as error:  # values of any type may be anywhere in it
        raise ArtifactError(f"the artifact is malformed ({type(error).__name__}: {str(error)[:100]}).") from None


def artifact_checks(record: Record, artifact: Artifact, version: int) -> list[ClaimCheck]:
    """Whether artifact and record speak of the same, without the data; ``version`` is the record's first schema."""
    return [
        verdict("kind", list(_kind(record, artifact)), f"{record.family}, of the dataset the record names"),
        verdict("budget", list(_budget(record, artifact, version)), f"{len(artifact)} pairs within {record.budget}"),
    ]


def _kind(record: Record, artifact: Artifact) -> Iterator[str]:
    kinds = {"selection": Selection, "distillation": DistilledPairs}
    if kinds.get(record.family) is not type(artifact):
        yield f"family {record.family!r} with an artifact of type {type(artifact).__name__}"
    if artifact.fingerprint != record.data_fingerprint:
        yield "the artifact is of another dataset than the record"
    has_start = isinstance(artifact, DistilledPairs) and artifact.start is not None
    if has_start != (record.start is not None):
        yield "a start has scores but no pairs, or pairs but no scores"


def _budget(record: Record, artifact: Artifact, version: int) -> Iterator[str]:
    if record.cost.pairs != len(artifact):
        yield f"cost.pairs is {record.cost.pairs}, the artifact holds {len(artifact)}"
    asked = Budget.parse(record.budget)
    if asked.unit == "pairs" and len(artifact) != asked.amount:
        yield f"a row of {asked} pairs holds {len(artifact)}: the budget is not met"
    start = artifact.start if isinstance(artifact, DistilledPairs) else None
    of_start = record.start.cost.pairs if record.start else None
    missing = of_start is None and version < NAMES_BASELINES
    if start is not None and of_start != len(start) and not missing:
        yield f"start.cost.pairs is {of_start}, the start holds {len(start)}"
    try:
        # Whether the claimed bytes are the artifact's own is looked at with the data at hand.
        size = record.cost.bytes or 0
        Budget.parse(record.budget).check_artifact_size(record.method, pairs=len(artifact), size=size)
    except (ArtifactError, BudgetError) as error:
        yield str(error)


def protocol_checks(record: Record, version: int, session: Session) -> list[ClaimCheck]:
    """Whether the protocol here is the one that was followed; ``version`` is the schema the record was written in."""
    return [verdict("protocol", list(_protocol(record, version, session)), f"{record.suite} {record.protocol_hash}")]


def _protocol(record: Record, version: int, session: Session) -> Iterator[str]:
    protocol = session.protocol
    if record.suite != protocol.name:
        yield f"suite {record.suite!r}, the one here is {protocol.name!r}"
    if record.protocol_hash != protocol.hash:
        yield f"protocol {record.protocol_hash}, here {record.suite} is {protocol.hash}"
    if record.protocol_version != protocol.version:
        yield f"version {record.protocol_version}, here it is {protocol.version}"
    if record.reference != protocol.reference:
        yield f"methods saw the student {record.reference!r}, here they see {protocol.reference!r}"
    if record.baseline and record.method not in protocol.rows.always:
        yield f"{record.method} is no baseline of the suite"
    # A run may leave out baselines (--set rows.always), but names no others.
    named = set(record.baselines)
    if version >= NAMES_BASELINES and not (named <= set(protocol.rows.always) and len(named) == len(record.baselines)):
        yield f"baselines are {', '.join(record.baselines)}; the suite's are {', '.join(protocol.rows.always)}"
    if version >= NAMES_BASELINES and {*record.encoders} != {*record.scores}:
        yield f"encoders are those of {', '.join(record.encoders) or 'no student'}, not of {', '.join(record.scores)}"
    # As JSON: 1, 1.0 and true are three values.
    grid = [json.dumps(asdict(recipe), sort_keys=True) for recipe in protocol.training.grid]
    for part in _parts(record):
        if set(part.scores) != set(session.students) or set(part.chosen) != set(session.students):
            yield f"students are {', '.join(part.scores)}; the protocol's are {', '.join(protocol.students)}"
        if any(json.dumps(chosen, sort_keys=True) not in grid for chosen in part.chosen.values()):
            yield "a chosen setting is not in the protocol's grid"
        counts = {len(scores.mean_recall.seeds) for scores in part.scores.values()}
        if counts != {protocol.training.seeds}:
            yield f"student seeds are {sorted(counts)}, the protocol asks for {protocol.training.seeds}"


def _parts(record: Record) -> list[Record | StartRecord]:
    return [record] if record.start is None else [record, record.start]


def data_checks(record: Record, artifact: Artifact, session: Session) -> list[ClaimCheck]:
    """Whether artifact and scores fit the data."""
    train = session.dataset.split("train")
    return [
        verdict("data", list(_data(record, session)), f"fingerprint {session.dataset.fingerprint[:16]}"),
        verdict("artifact", list(_artifact(artifact, train, record)), "finite; every pair is of the train split"),
        verdict("bytes", list(_bytes(record, artifact, train)), "the canonical count of the artifact"),
        verdict("counts", list(_counts(record, session)), "every recall is a whole number of test queries"),
    ]


def _data(record: Record, session: Session) -> Iterator[str]:
    if record.data_fingerprint != session.dataset.fingerprint:
        yield f"fingerprint {record.data_fingerprint[:16]}, here it is {session.dataset.fingerprint[:16]}"
    if record.mock != session.dataset.mock:
        yield f"mock is {record.mock}, the data here say {session.dataset.mock}"


def _artifact(artifact: Artifact, train: Split, record: Record) -> Iterator[str]:
    parts = [artifact]
    if isinstance(artifact, DistilledPairs) and artifact.start is not None:
        parts.append(artifact.start)
    for part in parts:
        try:
            check_artifact(part, train=train, fingerprint=record.data_fingerprint)
            if len(part) > len(artifact):
                yield f"the start holds {len(part)} pairs, over the {len(artifact)} of the artifact"
            if isinstance(part, Selection) and not set(part.mean_sides) <= set(train.items):
                yield f"mean_sides are {', '.join(map(str, part.mean_sides))}"
        except ArtifactError as error:
            yield str(error)
        except Exception as error:  # a stranger's values may be of any type
            yield f"malformed ({type(error).__name__}: {str(error)[:100]})"


def _counts(record: Record, session: Session) -> Iterator[str]:
    """A recall of n queries is a multiple of 100 / n."""
    scored = session.scored
    first, second = session.dataset.sides
    queries = {f"{first}_to_{second}": scored.count(first), f"{second}_to_{first}": scored.count(second)}
    for part in _parts(record):
        for student, scores in part.scores.items():
            if set(scores.directions) != set(queries):
                yield f"{student}: directions are {', '.join(scores.directions)}"
                continue
            for direction, count in queries.items():
                recalls = scores.directions[direction].values()
                hits = [value * count / 100 for summary in recalls for value in summary.seeds]
                if any(abs(hit - round(hit)) > 1e-6 for hit in hits):
                    yield f"{student}: a recall of {direction} is no whole number of {count} queries"


def _bytes(record: Record, artifact: Artifact, train: Split) -> Iterator[str]:
    """Whether the claimed weights are those of the artifact and of its start, by the core's own count."""
    parts: list[tuple[str, Cost, Artifact | None]] = [("cost", record.cost, artifact)]
    if isinstance(artifact, DistilledPairs) and record.start is not None and record.start.cost != Cost():
        parts.append(("start.cost", record.start.cost, artifact.start))
    for name, cost, part in parts:
        try:
            size = artifact_bytes(part, train) if part is not None else None
        except Exception as error:  # a stranger's values; what is wrong with them is said above
            yield f"cannot be counted ({type(error).__name__})"
            continue
        if cost.bytes != size:
            yield f"{name}.bytes is {cost.bytes}, the artifact has {size}"


def space_problems(artifact: Artifact, session: Session) -> Iterator[str]:
    """Whether learned vectors live in a space that the students' encoders have, in a form that vlbench writes."""
    if not isinstance(artifact, DistilledPairs):
        return
    for side, space in artifact.spaces.items():
        if space == ITEMS:
            continue
        if artifact.sides[side].dtype not in VECTORS:
            yield f"{side} vectors are {artifact.sides[side].dtype}. Allowed: float32, float16, uint8 with scales"
        for student, config in session.students.items():
            here = f"features:{session.make_encoder(config.towers[side]).identity}"
            if space != here:
                yield f"{side} vectors live in {space[:60]!r}, the encoder of student {student!r} gives {here[:60]!r}"


def encoder_problems(record: Record, session: Session) -> Iterator[str]:
    """Whether the students' encoders are those of the record; weights are read, and no item is run through them."""
    for student, claimed in record.encoders.items():
        towers = session.students[student].towers if student in session.students else {}
        here = {side: session.make_encoder(config).identity for side, config in towers.items()}
        if claimed != here:
            yield f"student {student!r} has {claimed}, here it is {here}"


def preview_problems(folder: Path, artifact: Artifact, session: Session) -> Iterator[str]:
    """Whether the pictures that a board shows are those of the artifact, and the captions those that go with them."""
    here = folder / "here"
    write_preview(here, artifact, session.dataset.split("train"), session.evaluator(session.protocol.reference))
    if not (here / "preview.npy").exists():
        yield "there is a preview, but the artifact cannot be drawn"
        return
    shown, drawn = (np.load(place / "preview.npy", allow_pickle=False) for place in (folder, here))
    count = min(len(shown), len(drawn))
    if shown.shape[1:] != drawn.shape[1:] or not count or (shown[:count] != drawn[:count]).any():
        yield "the pictures are not those of the artifact"
    said, found = (parse_json((place / "preview.json").read_bytes(), "preview.json") for place in (folder, here))
    if not isinstance(said, dict) or set(said) != set(found) or said["caption_source"] != found["caption_source"]:
        yield "the captions are of another form"
    elif not isinstance(said["captions"], list) or not len(said["captions"]) == len(shown) <= len(drawn):
        yield f"{len(shown)} pictures with other captions, or more of them than the {len(drawn)} that are drawn"
    elif said["captions"][:count] != found["captions"][:count] and not _as_near(said, found, count, artifact, session):
        yield "the captions are not those of the pairs, nor the train captions nearest to them"
    elif not same_sounds(said.get("sounds", []), found.get("sounds", [])):
        yield "the sounds are not those of the artifact"


def _as_near(
    said: Mapping[str, Any], found: Mapping[str, Any], count: int, artifact: Artifact, session: Session
) -> bool:
    """Whether captions that are shown in place of learned texts are as near as the nearest; another machine rounds."""
    if found["caption_source"] == "own" or not all(isinstance(text, str) for text in said["captions"]):
        return False
    texts = session.dataset.split("train").items[session.dataset.sides[1]]
    assert isinstance(texts, list)
    claimed, nearest = said["captions"][:count], found["captions"][:count]
    if not set(claimed) <= set(texts):
        return False
    evaluator = session.evaluator(session.protocol.reference)
    one, other = (text_cosines(artifact, [texts.index(text) for text in of], evaluator) for of in (claimed, nearest))
    return bool((one >= other - CAPTION_TOLERANCE).all())

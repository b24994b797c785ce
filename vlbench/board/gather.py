"""Records from folders of any content: what no board can be made of is left out, each with its folder and a reason."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from msgspec import json, structs

from vlbench.board.per_image import image_scores
from vlbench.board.plain import plain
from vlbench.board.table import LeftOut
from vlbench.disk.sums import file_hash, read_sums
from vlbench.errors import DataError
from vlbench.files import DAMAGED, read_plain
from vlbench.records.evidence import declared_deterministic, origin_of, read_evidence
from vlbench.records.fit import record_problem
from vlbench.records.record import FILE_NAME, FoundRecord, read_record, record_id

T = TypeVar("T")
Draw = Callable[[Sequence[FoundRecord], Sequence[LeftOut]], T]
LARGEST = 16 << 20
"""Bytes of a record."""
MOST_TRIES = 300
"""Records that are tried one by one where no single one of them explains why there is no board."""


@dataclass
class Gathered:
    """What was found.

    Attributes:
        records: each with its ``folder``, ``badge``, ``origin`` ("" for one's own, else the claim) and, where it
            holds an artifact, ``artifact_sha256``.
        left_out: what was not used, and why.
    """

    records: list[FoundRecord] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


def gather(paths: Iterable[Path]) -> Gathered:
    """All records under some folders, or of some record files; sorted by path, each file once.

    Raises:
        DataError: a path does not exist.
    """
    found = Gathered()
    for file in record_files(paths):
        try:
            found.records.append(_placed(file))
        except Exception as error:  # a stranger's folder: whatever is in it, the others are shown
            found.left_out.append(LeftOut(str(file.parent), _reason(error, file)))
    return found


def record_files(paths: Iterable[Path]) -> list[Path]:
    """Record files under some folders, each once; not those that were set aside.

    Raises:
        DataError: a path does not exist.
    """
    files: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise DataError(f"{str(path)!r} does not exist. Give the folder that vlbench run --out wrote to.")
        for file in sorted(_below(path)) if path.is_dir() else [path]:
            files.setdefault(Path(os.path.realpath(file)), file)
    return list(files.values())


def _below(path: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(path):
        folders[:] = [name for name in folders if not name.endswith(DAMAGED)]
        if FILE_NAME in (*names, *folders):
            yield Path(folder, FILE_NAME)


def _placed(file: Path) -> FoundRecord:
    if file.stat().st_size > LARGEST:
        raise DataError(f"{FILE_NAME} is larger than {LARGEST >> 20} MB")
    record = read_record(file)
    if problem := record_problem(record):
        raise DataError(problem)
    folder = file.parent
    evidence = read_evidence(folder)
    origin = origin_of(folder)
    # Where nobody here declares that a method draws nothing, it is a stranger's word, and would decide a rank.
    believed = not origin or declared_deterministic(evidence)
    return structs.replace(
        FoundRecord.of(record, folder, evidence.get("badge", "")),
        origin=origin,
        flags=[*_flags(folder), *(plain(str(flag)) for flag in evidence.get("flags", []))],
        artifact_sha256=_artifact_hash(folder),
        deterministic=record.deterministic and believed,
    )


def _artifact_hash(folder: Path) -> str:
    known = (read_sums(folder) or {}).get("artifact.safetensors", "")
    path = folder / "artifact.safetensors"
    return known or (file_hash(path) if path.is_file() else "")


def _flags(folder: Path) -> list[str]:
    """What the audit of an own artifact flagged."""
    with contextlib.suppress(OSError, ValueError, RecursionError, KeyError, TypeError):
        flags = json.decode(read_plain(folder / "audit.json"))["flags"]
        return [plain(str(flag)) for flag in flags]
    return []


def _reason(error: Exception, file: Path) -> str:
    text = str(error) if isinstance(error, DataError) else f"{FILE_NAME}: {type(error).__name__}: {error}"
    return plain(text.replace(f"{str(file)!r}", FILE_NAME))


def without_doubles(found: Gathered) -> Gathered:
    """Each run once: of two with the same artifact and scores the first; two that differ are a conflict.

    Of one's own the first stands, in the order in which folders were given, and the other is left out, with the
    reason: the date in a record decides nothing. Claims of strangers never meet one's own runs, see
    :func:`vlbench.board.leaderboard.build_table`. Of a method that draws, an artifact under several seeds counts once.
    """
    kept = Gathered([], list(found.left_out))
    first: dict[tuple[str, str], FoundRecord] = {}
    artifacts: dict[tuple[str, ...], FoundRecord] = {}
    for record in sorted(found.records, key=lambda one: one.status != "finished"):
        other = first.setdefault((record_id(record), _content(record) if record.origin else ""), record)
        twin = artifacts.setdefault(_artifact_of(record), record) if other is record else record
        if other is record and twin is record:
            kept.records.append(record)
        elif reason := _why_not(record, other, twin):
            kept.left_out.append(LeftOut(str(record.folder), reason))
    return kept


def _why_not(record: FoundRecord, other: FoundRecord, twin: FoundRecord) -> str:
    """Why a run does not count beside the one of the same name, or of the same artifact; "" for a mere copy."""
    if twin is not record:
        reason = f"seed {record.seed} has the artifact of seed {twin.seed} in {twin.folder}"
        return f"{reason}: one artifact counts once"
    if record.status != "finished" or _content(other) == _content(record):
        return ""
    return f"another result of the same run stands in {other.folder}, which was given first"


def _content(record: FoundRecord) -> str:
    """What was found of what was asked: the artifact, and the scores; not when, where or how fast."""
    parts = [record.status, record.scores, record.chosen, record.encoders, record.artifact_sha256]
    return hashlib.sha256(json.encode(parts, order="sorted")).hexdigest()


def _artifact_of(record: FoundRecord) -> tuple[str, ...]:
    """The same for records that are one artifact under several seeds; each other record stands for itself."""
    if record.status != "finished" or not record.artifact_sha256 or record.deterministic:
        return (str(record.folder),)
    asked = structs.replace(record, seed=0)
    return (record.artifact_sha256, str(bool(record.origin)), record_id(asked))


def drawn(found: Gathered, draw: Draw[T], *, blame: bool = True) -> tuple[T, Gathered]:
    """What ``draw`` makes of the records; those of which it makes nothing but an exception are left out.

    Args:
        found: the records, and what was left out of them so far.
        draw: given both.
        blame: where no record at all can be drawn, that is the records' fault, and not that of ``draw``.
    """
    try:
        return draw(found.records, found.left_out), found
    except Exception:
        bad = dict(_culprits(found.records, draw))
        if not bad or (len(bad) == len(found.records) and not blame):
            raise
    left = [*found.left_out, *(LeftOut(str(found.records[at].folder), reason) for at, reason in bad.items())]
    return drawn(Gathered([one for at, one in enumerate(found.records) if at not in bad], left), draw, blame=blame)


def _culprits(records: Sequence[FoundRecord], draw: Draw[T]) -> Iterator[tuple[int, str]]:
    """Position and reason of each record that cannot be drawn alone; if there is none, of each that spoils the rest."""
    alone = False
    for at, record in enumerate(records):
        if reason := _failure(partial(_alone, record, draw)):
            alone = True
            yield at, reason
    if alone or len(records) > MOST_TRIES:
        return
    good: list[FoundRecord] = []
    for at, record in enumerate(records):
        if reason := _failure(partial(draw, [*good, record], [])):
            yield at, reason
        else:
            good.append(record)


def _alone(record: FoundRecord, draw: Draw[T]) -> None:
    if record.status == "finished":
        for student in record.scores:
            image_scores(record, student)
    draw([record], [])


def _failure(make: Callable[[], object]) -> str:
    try:
        make()
    except Exception as error:
        text = str(error) if isinstance(error, DataError) else f"{type(error).__name__}: {error}"
        return plain(text)[:400]
    return ""

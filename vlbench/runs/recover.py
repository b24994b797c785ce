"""Runs on disk: found again where they are whole, and what went bad of them is set aside and made again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from vlbench.board.per_image import image_scores
from vlbench.board.picture import read_preview
from vlbench.disk.leftovers import remove_leftovers
from vlbench.disk.locks import alone
from vlbench.disk.sums import damaged_files, drop_sums, read_sums, write_sums
from vlbench.errors import VlbenchError
from vlbench.files import set_aside
from vlbench.records.ranks import FILE_NAME as RANKS
from vlbench.records.record import FILE_NAME as RECORD
from vlbench.records.record import FoundRecord, Record, read_record
from vlbench.runs.heartbeat import FILE_NAME as PROGRESS

ARTIFACT = ("artifact.json", "artifact.safetensors")
PICTURES = ("preview.npy", "preview.json")
START = ("start.npy", "start.json")
FILES = (RECORD, RANKS, *ARTIFACT, *PICTURES, *START, "hits.json", "hits.npy", "audit.json")
"""Files of a run that carry a hash."""
UNMENDED = (RECORD, *ARTIFACT)
"""Without these a run is made from the beginning; the others follow from them."""


@dataclass(frozen=True)
class FoundRun:
    """A run on disk.

    Attributes:
        record: as read; None where there is none, or none that is whole.
        missing: files that were set aside, and follow from record and artifact.
    """

    record: Record | None = None
    missing: list[str] = field(default_factory=list)


def is_whole(folder: Path) -> bool:
    """Whether a run's files are what their hashes say; without hashes it is not, and may be in the making."""
    return read_sums(folder) is not None and not damaged_files(folder)


def find_run(folder: Path, report: Callable[[str], None]) -> FoundRun:
    """The run in a folder; what is damaged there is named, and renamed so that nothing reads it again.

    A finished run without hashes, as version 0.1 wrote them, is adopted where its files fit together: the artifact
    can be read, and the ranks give the scores.
    """
    if not (folder / RECORD).exists() and read_sums(folder) is None:
        return FoundRun()
    record = _record(folder)
    bad = damaged_files(folder) if read_sums(folder) is not None else _unfit(folder, record)
    for name in bad:
        _put_aside(folder / name, report)
    if bad:
        drop_sums(folder)
    if record is None or any(name in UNMENDED for name in bad):
        return FoundRun()
    if not bad and record.status == "finished":
        with contextlib.suppress(OSError):  # a folder that is read only stays as it is
            (folder / PROGRESS).unlink(missing_ok=True)  # of a process that died when all was done
            if read_sums(folder) is None:
                remove_traces(folder)
                write_sums(folder, FILES)
    return FoundRun(record, bad)


def remove_traces(folder: Path) -> None:
    """Remove what earlier tries left beside a run that is done: its checkpoint, and why one failed."""
    for name in ("checkpoint.safetensors", "error.txt"):
        (folder / name).unlink(missing_ok=True)


def _record(folder: Path) -> Record | None:
    try:
        return read_record(folder)
    except VlbenchError:
        return None


def _unfit(folder: Path, record: Record | None) -> list[str]:
    """Files of a run without hashes that cannot be read, or do not fit the others."""
    from vlbench.artifacts.artifact import load_artifact

    if record is None:
        return [RECORD]
    if record.status != "finished":
        return []
    bad: list[str] = []
    if any((folder / name).exists() for name in ARTIFACT) and not _works(lambda: load_artifact(folder)):
        bad += ARTIFACT
    placed = FoundRecord.of(record, folder)
    if not _works(lambda: [image_scores(placed, student) for student in record.scores]):
        bad.append(RANKS)
    if any((folder / name).exists() for name in PICTURES) and not _works(lambda: read_preview(folder, 1)):
        bad += PICTURES
    return bad


def _works(read: Callable[[], object]) -> bool:
    try:
        read()
    except Exception:  # a damaged file may make its reader raise anything
        return False
    return True


def _put_aside(path: Path, report: Callable[[str], None]) -> None:
    if path.exists():
        report(f"{str(path)!r} is damaged. Set aside as {set_aside(path).name}; made again.")
    else:
        report(f"{str(path)!r} is missing; made again.")


@contextlib.contextmanager
def alone_with(folder: Path, what: str, report: Callable[[str], None]) -> Iterator[None]:
    """One process at a time makes a run; the others wait, say for whom, and then find it."""
    with alone(folder.parent, folder.name, report, what=what):
        remove_leftovers(folder.parent, depth=1)
        yield


@contextlib.contextmanager
def sealing(folder: Path) -> Iterator[None]:
    """Files of a run change within: its hashes go first and come last, so that half of a change is never trusted."""
    folder.mkdir(parents=True, exist_ok=True)  # where nothing can be written, nothing is computed first
    drop_sums(folder)
    yield
    write_sums(folder, FILES)

"""A grid in progress, as any machine that sees the folder of its runs can tell."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlbench.errors import DataError, VlbenchError
from vlbench.files import read_plain
from vlbench.progress import about_text
from vlbench.records.record import FILE_NAME as RECORD
from vlbench.records.record import read_record
from vlbench.runs.grid import FOLDER, read_grid
from vlbench.runs.heartbeat import FILE_NAME as PROGRESS
from vlbench.runs.heartbeat import SILENT_S

RUNNING, WAITING, SILENT = "running", "waiting", "stopped"


@dataclass(frozen=True)
class RowStatus:
    """One row.

    Attributes:
        id: of its run.
        name: for people.
        state: ``finished``, ``failed``, ``diverged``, ``running``, ``stopped`` (its process said nothing for a minute,
            or left a checkpoint) or ``waiting``.
        detail: phase and progress where it runs, the reason where it failed.
    """

    id: str
    name: str
    state: str
    detail: str = ""


def status_of(out: Path) -> list[RowStatus]:
    """Every row that a command of this folder asked for, in the order of the commands, and every other run there.

    Raises:
        DataError: the folder does not exist.
    """
    if not out.is_dir():
        raise DataError(f"{str(out)!r} is no folder. Give the one that vlbench run --out named.")
    names, now = dict(_asked(out)), _now(out)
    for run in sorted(file.parent for name in (RECORD, PROGRESS) for file in out.glob(f"*/{name}")):
        names.setdefault(run.name, run.name)
    return [_row(out / run, name, now) for run, name in names.items()]


def _asked(out: Path) -> Iterable[tuple[str, str]]:
    for file in sorted((out / FOLDER).glob("*.json"), key=lambda file: file.stat().st_mtime_ns):
        try:
            yield from ((str(row["id"]), str(row["name"])) for row in read_grid(file)["rows"])
        except (VlbenchError, KeyError, TypeError):  # of another version: what it made is found by its folders
            continue


def _now(out: Path) -> float:
    """By the clock that dates the files: machines' own clocks may differ by more than a run is silent."""
    try:
        with tempfile.TemporaryFile(dir=out) as file:
            return os.fstat(file.fileno()).st_mtime
    except OSError:  # such as a folder that this user may read alone
        return time.time()


def _row(folder: Path, name: str, now: float) -> RowStatus:
    beat = _beat(folder / PROGRESS, now)
    if beat is not None and beat["age_s"] < SILENT_S:
        return RowStatus(folder.name, name, RUNNING, _progress(beat))
    if (folder / RECORD).is_file():
        try:
            record = read_record(folder)
            return RowStatus(folder.name, name, record.status, record.message)
        except VlbenchError as error:
            return RowStatus(folder.name, name, "damaged", str(error))
    if beat is not None:
        return RowStatus(folder.name, name, SILENT, f"no sign for {about_text(beat['age_s'])}, in {_progress(beat)}")
    if (folder / "checkpoint.safetensors").is_file():
        return RowStatus(folder.name, name, SILENT, "goes on from its checkpoint")
    return RowStatus(folder.name, name, WAITING)


def _beat(file: Path, now: float) -> dict[str, Any] | None:
    try:
        found = json.loads(read_plain(file))
        age_s = now - file.stat().st_mtime
    except (OSError, ValueError):
        return None
    return {**found, "age_s": max(0.0, age_s)} if isinstance(found, dict) else None


def _progress(beat: dict[str, Any]) -> str:
    """``matching 25/100, loss 0.9, on gpu3 since 4 min``."""
    total, step = beat.get("total"), beat.get("step", 0)
    counted = f" {step}/{total}" if total else f" {step}" if step else ""
    parts = [f"{beat.get('phase', 'start')}{counted}", str(beat.get("note", ""))]
    since = about_text(time.time() - float(beat.get("since", time.time())))
    parts.append(f"on {beat.get('host', 'an unknown machine')} since {since}")
    return ", ".join(part for part in parts if part)

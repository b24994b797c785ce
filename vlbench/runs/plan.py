"""What a command is going to make, before it makes anything."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vlbench.progress import about_text
from vlbench.runs.executors import Needs
from vlbench.runs.jobs import CHANCE, Job
from vlbench.runs.recording import asked_record
from vlbench.runs.recover import is_whole
from vlbench.runs.timings import TimeEstimate

if TYPE_CHECKING:
    from vlbench.records.record import Record
    from vlbench.runs.session import Session

FINISHED, RESUMES, TO_MAKE = "finished", "resumes", "to make"
CACHED, ABSENT = "cached", "weights not here"


@dataclass(frozen=True)
class Planned:
    """A row of a plan.

    Attributes:
        job: what is made.
        blank: its record before anything is observed.
        state: ``finished``, ``resumes`` (a checkpoint is there) or ``to make``.
        estimate: what it is likely to need.
    """

    job: Job
    blank: Record
    state: str
    estimate: TimeEstimate

    @property
    def left_s(self) -> float | None:
        """Seconds that are left of it: 0 where it is finished, None where nobody knows."""
        return 0.0 if self.state == FINISHED else self.estimate.seconds

    def needs(self, device: str, log: str) -> Needs:
        """What an executor may know of it."""
        return Needs(
            str(self.job),
            self.job.method,
            self.job.budget_text,
            self.job.seed,
            device=device,
            seconds=self.estimate.seconds,
            memory_bytes=self.estimate.memory_bytes,
            log=log,
        )


@dataclass(frozen=True)
class Shared:
    """Something that the rows of a command find in the cache, or make once.

    Attributes:
        what: it is.
        state: ``cached``, ``to make`` or ``weights not here``.
        seconds: to make it; 0 where it is cached, None where unknown.
        bytes: on disk; None where unknown.
    """

    what: str
    state: str
    seconds: float | None = None
    bytes: int | None = None


@dataclass(frozen=True)
class RunPlan:
    """The rows of a command, and where they are made.

    Attributes:
        suite: of the rows.
        rows: requested ones first, then the baselines.
        device: torch's name.
        threads: of torch.
        executor: how rows are run.
        out: folder of the runs.
        shared: what the rows find in the cache, or make once.
        tried: whether seconds are those of steps that were made for the plan.
    """

    suite: str
    rows: list[Planned] = field(default_factory=list)
    device: str = "cpu"
    threads: int = 1
    executor: str = "serial"
    out: Path = Path("runs")
    shared: tuple[Shared, ...] = ()
    tried: bool = False

    @property
    def left_s(self) -> float | None:
        """Seconds that the rows of which anything is known take together; None where that is none."""
        known = [row.left_s for row in self.rows if row.left_s is not None]
        return sum(known) if known or not self.rows else None

    def cost(self, price: float) -> float | None:
        """Of all that is known, at the price of an hour of what one row is given; None where that is nothing."""
        once_s = sum(one.seconds or 0.0 for one in self.shared)
        return None if self.left_s is None else price * (self.left_s + once_s) / 3600

    def lines(self) -> Iterator[str]:
        """Three lines for the beginning of a run."""
        baselines = sum(row.job.baseline for row in self.rows)
        asked = len(self.rows) - baselines
        beside = f" and {baselines} baseline{'s' * (baselines > 1)}" if baselines else ""
        finished = sum(row.state == FINISHED for row in self.rows)
        found = f"; {finished} finished before" if finished else ""
        yield f"Plan: {asked} requested {'row' if asked == 1 else 'rows'}{beside} on {self.suite}{found}."
        threads = f"{self.threads} thread{'s' * (self.threads > 1)}"
        yield f"  Device {self.device}, {threads}, executor {self.executor}; runs in {self.out}."
        yield f"  {self._how_long()}"

    def table(self) -> list[tuple[str, str, str, str, str]]:
        """A line for each row: what, state, seconds, size of what it makes, memory."""
        return [
            (
                f"{row.job}{', baseline' * row.job.baseline}",
                row.state,
                "" if not row.left_s else f"{about_text(row.left_s)}{'' if row.estimate.complete else ' +'}",
                bytes_text(row.estimate.artifact_bytes),
                bytes_text(row.estimate.memory_bytes),
            )
            for row in self.rows
        ]

    def shared_table(self) -> list[tuple[str, str, str, str]]:
        """A line for each thing that rows share: what, state, seconds, bytes on disk."""
        return [
            (one.what, one.state, about_text(one.seconds) if one.seconds else "", bytes_text(one.bytes))
            for one in self.shared
        ]

    def _how_long(self) -> str:
        open_rows = [row for row in self.rows if row.state != FINISHED]
        if not open_rows:
            return "Nothing is left to make."
        known = [row for row in open_rows if row.left_s is not None]
        if not known:
            return "How long is not known yet: no row of this protocol was timed on this machine before."
        longest = max(known, key=lambda row: row.left_s or 0.0)
        text = f"About {about_text(self.left_s or 0.0)} for "
        together = "one after the other" if self.executor == "serial" else f"of the machines of {self.executor} in all"
        text += f"{len(open_rows)} rows {together}" if len(open_rows) > 1 else "one row"
        if len(open_rows) > 1:
            text += f"; the longest, {longest.job}, about {about_text(longest.left_s or 0.0)}"
        untimed = {row.job.method for row in open_rows if not row.estimate.complete}
        text += f". Not in it: condensing by {', '.join(sorted(untimed))}." if untimed else "."
        return text + (" No row was timed before: a few steps of each student were timed now." if self.tried else "")


def bytes_text(count: int | None) -> str:
    """A number of bytes for people; "" for None."""
    if count is None:
        return ""
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count = round(count / 1000, 2)  # type: ignore[assignment]
    return f"{count:.3g} GB"


def plan_of(session: Session, jobs: Sequence[Job]) -> RunPlan:
    """The plan of jobs; a job that is there twice is planned once, and chance, which is computed, not at all.

    Reads the data, and computes nothing.
    """
    rows: dict[str, Planned] = {}
    for job in (job for job in jobs if job.method != CHANCE):
        blank = asked_record(session, job)
        if blank.id not in rows:
            rows[blank.id] = Planned(job, blank, _state(session, blank), session.timings.estimate(job))
    threads, request = session.environment().threads or 1, session.request
    return RunPlan(session.protocol.name, list(rows.values()), session.device, threads, request.executor, request.out)


def _state(session: Session, blank: Record) -> str:
    from vlbench.errors import VlbenchError
    from vlbench.records.record import FILE_NAME, read_record

    folder = session.request.out / blank.id
    try:
        if (folder / FILE_NAME).is_file() and is_whole(folder) and read_record(folder).status == "finished":
            return FINISHED
    except VlbenchError:  # the run sets it aside, and makes it again
        return TO_MAKE
    return RESUMES if (folder / "checkpoint.safetensors").is_file() else TO_MAKE

"""Run the command of a record again, and say what differs: versions, protocol, data, scores."""

from __future__ import annotations

import datetime
import json
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vlbench.budget import Budget
from vlbench.disk.sums import file_hash
from vlbench.errors import DataError, UnknownNameError
from vlbench.progress import Observer
from vlbench.protocol.load import other_students
from vlbench.records.evidence import REBUILT, SELF_REPORTED, read_evidence, write_evidence
from vlbench.records.record import FILE_NAME, Record
from vlbench.runs.jobs import Job, command_words, method_options, option_text
from vlbench.runs.request import RunRequest
from vlbench.verification.bundle import unpack
from vlbench.verification.checks import CheckOutcome, ClaimCheck, record_checks
from vlbench.verification.compare import Comparison, retrained_checks
from vlbench.verification.verify import Verification, read_stranger

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry
    from vlbench.runs.session import Session

ONLY_THIS_ROW = {"rows.always": "[]", "rows.full": "false"}
"""Overrides that leave out all rows but the requested one; they change no score."""


class Drift(NamedTuple):
    """Something that is not as it was; ``matters`` if the scores may then not be compared at all."""

    what: str
    recorded: str
    here: str
    matters: bool = False


@dataclass(frozen=True)
class Source:
    """A record, and the files next to it: a run's folder, or one that a bundle was unpacked to."""

    record: Record
    folder: Path


@dataclass(frozen=True)
class Replayed:
    """What came out.

    Attributes:
        record: of the new run.
        checks: of its scores against those recorded.
        comparisons: for every student.
        same_artifact: whether the artifact is the same to the last byte; None where there is none to compare with.
        same_code: whether the method's code has the hash that was recorded; None where none was.
    """

    record: Record
    checks: list[ClaimCheck]
    comparisons: list[Comparison]
    same_artifact: bool | None
    same_code: bool | None

    @property
    def rebuilt(self) -> bool:
        """Whether the same code made the same artifact bit by bit, and the scores agree."""
        return self.agrees and bool(self.same_artifact and self.same_code)

    @property
    def agrees(self) -> bool:
        """Whether the recorded scores lie where the new ones put them."""
        return all(check.outcome == "ok" for check in self.checks)


def open_source(path: Path, scratch: Path) -> Source:
    """A record file, a run's folder or a bundle; a stranger's, so its form is checked.

    Args:
        path: of any of the three.
        scratch: empty folder for a bundle's files.

    Raises:
        DataError: it is none of them, or its record does not hold together.
    """
    if path.is_file() and zipfile.is_zipfile(path):
        unpack(path, scratch)
        file = scratch / FILE_NAME
    else:
        file = path / FILE_NAME if path.is_dir() else path
    if not file.is_file():
        raise DataError(f"{str(path)!r} holds no record. Give a record.json, a run's folder or a bundle.")
    record, _ = read_stranger(file)
    for check in record_checks(record):
        overridden = check.name == "asked" and record.overrides
        if check.outcome == "failed" and not overridden:
            raise DataError(f"{file.name} cannot be replayed. {check.name}: {check.detail}.")
    return Source(record, file.parent)


def request_of(record: Record, registry: Registry, *, suite: str, device: str, out: Path) -> RunRequest:
    """The run that a record asks for; options that have their default's value here are left out.

    Raises:
        DataError: the method is not here; its plugin is named, with the version, where the record knows it.
    """
    try:
        spec = registry.get("method", record.method)
    except UnknownNameError as error:
        raise DataError(f"{error}\n{missing_plugins(record, registry)}") from None
    defaults = json.loads(json.dumps(_defaults(spec.options)))
    options = {key: option_text(value) for key, value in record.options.items() if defaults.get(key, ...) != value}
    recorded = record.environment.device
    # A GPU has a name of several words, a processor's architecture is one.
    device = device or ("auto" if " " in recorded else "cpu")
    overrides = {**record.overrides, **ONLY_THIS_ROW}
    if not suite:
        registry.get("suite", record.suite)
    suite = suite or record.suite
    students = other_students(record.scores, suite, registry)
    isolate = bool(registry.plugin_files)  # a stranger's code, perhaps
    return RunRequest(
        suite, (record.seed,), device, options, overrides, out, students=students, isolate=isolate
    )  # fmt: skip


def _defaults(options_type: type) -> dict[str, Any]:
    try:
        return asdict(options_type())
    except TypeError:  # one of them has no default
        return {}


def missing_plugins(record: Record, registry: Registry) -> str:
    """Which plugins of the record are not here."""
    used = ("ok", "slow")  # records of vlbench 0.1 know slow plugins
    here = {plugin.name for plugin in registry.plugins if plugin.status in used}
    lines = []
    for plugin in record.plugins:
        if plugin.name in here or (plugin.status or "ok") not in used:
            continue
        if plugin.version:
            source = plugin.distribution or "a distribution of version"
            lines.append(f"plugin {plugin.name!r} of {source} {plugin.version}: install it")
        else:
            lines.append(f"plugin {plugin.name!r}, a file: give it, as in vlbench --plugin {plugin.name}.py replay")
    return "The record was made with " + ("; ".join(lines) or "plugins that are all here") + "."


def replay_words(record: Record, registry: Registry, request: RunRequest) -> list[str]:
    """The command of a replay, as a shell takes it."""
    options = method_options(registry.get("method", record.method), request.options)
    job = Job(record.method, Budget.parse(record.budget), options, record.seed)
    device = ("--device", request.device)
    return [*command_words(job, request, suite=request.suite, more=device), "--out", str(request.out)]


def drifts(record: Record, session: Session) -> Iterator[Drift]:
    """What is not as it was when the record was made; loads the data."""
    if record.protocol_hash != session.protocol.hash:
        yield Drift("protocol", record.protocol_hash, session.protocol.hash, matters=True)
    if record.data_fingerprint != session.dataset.fingerprint:
        yield Drift("data", record.data_fingerprint[:16], session.dataset.fingerprint[:16], matters=True)
    before, now = record.environment, session.environment()
    yield from _differing("", before.versions, now.versions)
    yield from _differing("", *({"device": e.device, "threads": str(e.threads or "")} for e in (before, now)))
    recorded = {plugin.name: plugin.version or "a file" for plugin in record.plugins}
    here = {plugin.name: plugin.version or "a file" for plugin in session.registry.plugins}
    yield from _differing("plugin ", recorded, here)


def _differing(prefix: str, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Drift]:
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            yield Drift(f"{prefix}{name}", before.get(name, "-"), now.get(name, "-"))


def replay(source: Source, registry: Registry, request: RunRequest, observer: Observer) -> Replayed:
    """Run, and compare.

    Raises:
        DataError: the folder holds that run already, or the new run did not finish.
    """
    from vlbench.runs.pipeline import run_many

    record = source.record
    if (request.out / record.id).exists():
        raise DataError(f"{str(request.out / record.id)!r} exists. A replay starts afresh: give another --out.")
    budgets = [Budget.parse(record.budget)]
    fresh = run_many(registry, methods=[record.method], budgets=budgets, request=request, observer=observer)[0]
    if fresh.status != "finished":
        raise DataError(f"the replay {fresh.status}: {fresh.message or 'no message'}.")
    checks, comparisons = retrained_checks(record, fresh, fresh.start, step=0.0)
    files = [folder / "artifact.safetensors" for folder in (source.folder, request.out / fresh.id)]
    same = file_hash(files[0]) == file_hash(files[1]) if all(file.is_file() for file in files) else None
    same_code = fresh.method_code == record.method_code if record.method_code else None
    return Replayed(fresh, checks, comparisons, same, same_code)


def leave_evidence(source: Source, replayed: Replayed) -> None:
    """Write down next to the record whether it was rebuilt; otherwise it keeps the badge it had."""
    before = read_evidence(source.folder)
    checks = [
        ClaimCheck(check.name.replace("retrained", "replayed"), check.outcome, check.detail)
        for check in replayed.checks
    ]
    bits = "same" if replayed.same_artifact else "other" if replayed.same_artifact is not None else "no"
    code = "same" if replayed.same_code else "other" if replayed.same_code is not None else "no"
    outcome: CheckOutcome = "ok" if replayed.rebuilt else "failed"
    checks.append(ClaimCheck("rebuilt", outcome, f"{bits} artifact, {code} code to compare"))
    found = Verification(
        id=source.record.id,
        manifest_sha256=before.get("manifest_sha256", ""),
        record_sha256=file_hash(source.folder / FILE_NAME),
        badge=REBUILT if replayed.rebuilt else before.get("badge", SELF_REPORTED),
        checks=checks,
        comparisons=replayed.comparisons,
        environment=replayed.record.environment,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    ).as_json()
    found["checks"] = [*before.get("checks", []), *found["checks"]]
    write_evidence(source.folder, found)


def scratch_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for a bundle's files."""
    return tempfile.TemporaryDirectory(prefix="vlbench-claim-")

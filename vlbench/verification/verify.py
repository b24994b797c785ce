"""Verify a bundle: what it says of itself, then against protocol and data, then by training its students again."""

from __future__ import annotations

import contextlib
import datetime
import shutil
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from vlbench.disk.leftovers import remove_leftovers
from vlbench.disk.sums import drop_sums, file_hash, write_sums
from vlbench.errors import DataError, NotFiniteError, VlbenchError
from vlbench.files import write_whole
from vlbench.progress import Observer, SilentObserver
from vlbench.protocol.load import other_students
from vlbench.records.evidence import ORIGIN, RE_EVALUATED, SELF_REPORTED, write_evidence, write_origin
from vlbench.records.ranks import FILE_NAME as RANKS
from vlbench.records.record import FILE_NAME, SCHEMA, Environment, FoundRecord, Record, parse_record
from vlbench.runs.request import AS_RECORDED, RunRequest
from vlbench.verification.bundle import LARGEST, MANIFEST, unpack
from vlbench.verification.checks import ClaimCheck, record_checks, verdict
from vlbench.verification.compare import Comparison
from vlbench.verification.declared import method_checks, name_checks
from vlbench.verification.rank_checks import cluster_problems, equal_ranks, pattern_problems, rank_checks
from vlbench.verification.untrusted import parse_json, refuse

if TYPE_CHECKING:
    from vlbench.artifacts.artifact import Artifact
    from vlbench.registry.registry import Registry
    from vlbench.runs.session import Session


@dataclass(frozen=True)
class Verification:
    """What was found.

    Attributes:
        id: of the run that is claimed.
        manifest_sha256: of the bundle's manifest; "" for what came in no bundle.
        record_sha256: of the record's file.
        badge: ``self-reported``, ``re-evaluated`` or ``rebuilt``.
        checks: in the order made.
        comparisons: of the claimed scores with those of students trained here.
        environment: where this was found.
        created: when, ISO 8601 in UTC.
        flags: looks by which the audit found made pairs nearer to test items than train items are.
        folder: where the claim was unpacked, if anywhere.
    """

    id: str
    manifest_sha256: str
    record_sha256: str
    badge: str
    checks: list[ClaimCheck]
    comparisons: list[Comparison] = field(default_factory=list)
    environment: Environment = field(default_factory=Environment)
    created: str = ""
    flags: list[str] = field(default_factory=list)
    folder: str = ""

    @property
    def failed(self) -> bool:
        """Whether any check failed."""
        return any(check.outcome == "failed" for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """As written to ``verification.json``."""
        return {"verification": 1, **to_builtins(self)}


def verify(
    bundle: Path,
    request: RunRequest = AS_RECORDED,
    *,
    registry: Registry,
    retrain: bool = True,
    observer: Observer | None = None,
    keep: Path | None = None,
) -> Verification:
    """Check a stranger's bundle.

    Args:
        bundle: the file.
        request: ``device``, and ``suite``: a TOML file with the protocol, or the declared one that the record names.
        registry: knows suites, datasets and encoders; the method is not needed. Where it is declared, family,
            options and ``deterministic`` are compared with its declaration.
        retrain: also train the students again; otherwise the claim stays self-reported.
        observer: receives progress.
        keep: folder of runs in which to unpack the claim, with the evidence, if no check fails. It gets a folder of
            its own, named after the run and the bundle's hash, so that no run that is there is touched.

    Raises:
        DataError: it is no bundle, or not a whole one.
    """
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)  # where nothing can be unpacked, nothing is trained first
    try:
        return _verify(bundle, request, registry, retrain=retrain, observer=observer or SilentObserver(), keep=keep)
    except (VlbenchError, OSError):
        raise
    except Exception as error:  # a stranger's bytes: whatever they make a library raise, it is a refusal
        refuse(bundle.name, f"reading it raised {type(error).__name__}: {str(error)[:200]}")
    finally:
        if keep is not None:
            with contextlib.suppress(OSError):
                keep.rmdir()  # where nothing was unpacked, no empty folder stays


def _verify(
    bundle: Path, request: RunRequest, registry: Registry, *, retrain: bool, observer: Observer, keep: Path | None
) -> Verification:
    with tempfile.TemporaryDirectory(prefix="vlbench-claim-") as name:
        folder = Path(name)
        manifest = unpack(bundle, folder)
        found = _Findings([ClaimCheck("bundle", "ok", f"{len(manifest['files'])} files, every byte under its hash")])
        here = _here(keep, manifest)
        record = found.read(folder, manifest["id"], registry, {run.method for run in here})
        if record is not None and not _failed(found.checks):
            request = replace(request, suite=request.suite or record.suite)
            spec = registry.all("method").get(record.method)
            others = here if spec is None or not spec.deterministic else []
            found.look(folder, record, registry, request, observer, retrain=retrain, others=others)
        result = Verification(
            id=record.id if record else "",
            manifest_sha256=manifest["sha256"],
            record_sha256=file_hash(folder / FILE_NAME),
            badge=RE_EVALUATED if found.comparisons and not _failed(found.checks) else SELF_REPORTED,
            checks=found.checks,
            comparisons=found.comparisons,
            environment=found.environment,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            flags=found.flags,
        )
        if keep is None or result.failed:
            return result
        return _unpacked(folder, keep, result, manifest, bundle)


def _here(keep: Path | None, manifest: Mapping[str, Any]) -> Sequence[FoundRecord]:
    """Runs in the folder to unpack into; not the claim itself, where it was unpacked before in whole or in part."""
    if keep is None:
        return []
    from vlbench.board.gather import gather

    own = _place(keep, manifest["id"], manifest["sha256"])
    return [run for run in gather([keep]).records if run.folder != own]


def read_stranger(path: Path) -> tuple[Record, int]:
    """A stranger's record in the newest form, and the schema it was written in.

    Raises:
        DataError: the file is too large, no JSON of ours, or a field has a value that is not allowed.
    """
    if path.stat().st_size > LARGEST[FILE_NAME]:
        refuse(path.name, f"it is larger than {LARGEST[FILE_NAME]:,} bytes")
    table = parse_json(path.read_bytes(), path.name)
    try:
        return parse_record(table), table["schema"]
    except DataError as error:
        refuse(path.name, str(error).rstrip("."))


class _Findings:
    """Adds to the checks what artifact, protocol, data and students say, as far as they can be had."""

    def __init__(self, checks: list[ClaimCheck]) -> None:
        self.checks = checks
        self.comparisons: list[Comparison] = []
        self.environment = Environment()
        self.flags: list[str] = []
        self.version = SCHEMA

    def read(self, folder: Path, claimed_id: str, registry: Registry, methods: Collection[str]) -> Record | None:
        """The record, checked by itself, the methods of runs here and its ranks; None where its form is wrong."""
        try:
            record, self.version = read_stranger(folder / FILE_NAME)
        except DataError as error:
            self.checks.append(ClaimCheck("schema", "failed", str(error)))
            return None
        self.checks += record_checks(record)
        if not _failed(self.checks):
            self.checks += [*name_checks(record, registry, methods), *method_checks(record, registry, self.version)]
        if not _failed(self.checks) and claimed_id != record.id:
            self.checks.append(ClaimCheck("bundle", "failed", "the manifest names another run than the record"))
        if not _failed(self.checks):
            self.checks += rank_checks(record, self.version, folder)
        return record

    def look(
        self, folder: Path, record: Record, registry: Registry, request: RunRequest, observer: Observer,
        *, retrain: bool, others: Sequence[FoundRecord],
    ) -> None:  # fmt: skip
        from vlbench.verification.data_checks import artifact_checks, open_artifact
        from vlbench.verification.twins import twin_problems

        try:
            artifact = open_artifact(folder)
        except VlbenchError as error:
            self.checks.append(ClaimCheck("artifact", "failed", str(error)))
            return
        self.checks += artifact_checks(record, artifact, self.version)
        if others:
            twins = list(twin_problems(record, artifact, others))
            self.checks.append(verdict("seeds", twins, "no other seed here holds the same artifact"))
        if _failed(self.checks):
            return
        try:
            students = other_students(record.scores, request.suite, registry)
            session = _session(registry, replace(request, students=students), observer)
            self._against(session, record, artifact, folder)
        except VlbenchError as error:
            self.checks.append(ClaimCheck("data", "open", f"not here: {error}"))
            return
        if not retrain:
            self.checks.append(ClaimCheck("retrained", "open", "not asked for (--no-retrain)"))
        elif not _failed(self.checks):
            self._retrain(session, record, artifact, folder)

    def _against(self, session: Session, record: Record, artifact: Artifact, folder: Path) -> None:
        from vlbench.verification.data_checks import data_checks, encoder_problems, protocol_checks, space_problems

        self.environment = session.environment()
        self.checks += protocol_checks(record, self.version, session)
        if not _failed(self.checks):
            self.checks += data_checks(record, artifact, session)
            queries = verdict(
                "queries", list(cluster_problems(folder, session)), "ranks are of the test split's queries"
            )
            self.checks += [queries] if (folder / RANKS).exists() else []
            problems = [*encoder_problems(record, session), *space_problems(artifact, session)]
            self.checks.append(verdict("encoders", problems, "those of the record"))

    def _retrain(self, session: Session, record: Record, artifact: Artifact, folder: Path) -> None:
        from vlbench.runs.audit import audit_flags
        from vlbench.runs.rescoring import rescore
        from vlbench.verification.compare import retrained_checks
        from vlbench.verification.data_checks import preview_problems

        try:
            session.open_students()
        except NotFiniteError as error:  # no score can be true, whatever the claim says
            self.checks.append(ClaimCheck("numbers", "failed", str(error)))
            return
        if (folder / "preview.npy").exists() and (folder / "preview.json").exists():
            drawn = list(preview_problems(folder, artifact, session))
            self.checks.append(verdict("preview", drawn, "the pictures are those of the artifact"))
        try:
            here, start = rescore(session, artifact, record.seed, keep=folder / "here")
        except VlbenchError as error:
            self.checks.append(ClaimCheck("retrained", "failed", str(error)))
            return
        step = 100 / min(session.scored.count(side) for side in session.dataset.sides)
        checks, self.comparisons = retrained_checks(record, here, start, step=step)
        if equal := equal_ranks(folder, folder / "here"):
            checks[0] = replace(checks[0], detail=f"{checks[0].detail}; {equal}")
            pattern = list(pattern_problems(folder, folder / "here"))
            checks.append(verdict("hits", pattern, "the queries that are found are those found here"))
        shutil.rmtree(folder / "here")
        self.checks += checks
        self.flags = audit_flags(artifact, session)


def _session(registry: Registry, request: RunRequest, observer: Observer) -> Session:
    from vlbench.runs.session import Session

    if not request.suite.endswith(".toml") or request.suite in registry.all("suite"):
        registry.get("suite", request.suite)
    return Session(registry, request, observer)


def _failed(checks: list[ClaimCheck]) -> bool:
    return any(check.outcome == "failed" for check in checks)


def _unpacked(
    folder: Path, keep: Path, result: Verification, manifest: Mapping[str, Any], bundle: Path
) -> Verification:
    """Put a claim that holds into a folder of its own among the runs; pictures only where they were checked."""
    target = _place(keep, result.id, result.manifest_sha256)
    checked = any(check.name == "preview" and check.outcome == "ok" for check in result.checks)
    names = [path.name for path in folder.iterdir() if path.is_file() and path.name != MANIFEST]
    names = [name for name in names if checked or not name.startswith("preview.")]
    drop_sums(target)
    write_origin(target, manifest, bundle)  # first: where this ends early, the record is no run of one's own
    for name in names:
        write_whole(target / name, (folder / name).read_bytes())
    result = replace(result, folder=str(target))
    write_evidence(target, result.as_json())
    write_sums(target, [*names, ORIGIN])
    remove_leftovers(keep, depth=1)
    return result


def _place(keep: Path, id: str, digest: str) -> Path:
    """Where among the runs a claim lies: its manifest's hash keeps it apart from the run of the same name."""
    return keep / f"{id}-{digest[:12]}"

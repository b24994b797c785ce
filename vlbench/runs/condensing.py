"""From a job to a checked artifact."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vlbench.artifacts.artifact import Artifact, check_artifact, check_family
from vlbench.artifacts.coded_size import artifact_bytes
from vlbench.registry.invoke import make
from vlbench.runs.meter import Meter
from vlbench.seeds import SeedTree

if TYPE_CHECKING:
    from vlbench.methods.context import Context
    from vlbench.runs.jobs import Job
    from vlbench.runs.session import Session


@dataclass(frozen=True)
class Condensed:
    """An artifact that was checked, and what it took.

    Attributes:
        artifact: within its budget, of the declared family and of this data set.
        pairs, bytes: its size; bytes are those of the canonical count.
        condense_s: seconds the method took; the sum of the parts where it was resumed.
        peak_rss_bytes: peak of resident memory meanwhile.
        resumed: whether an earlier run of the same job was continued.
        curves: what the method reported step by step, by name.
    """

    artifact: Artifact
    pairs: int
    bytes: int
    condense_s: float
    peak_rss_bytes: int
    resumed: bool
    curves: dict[str, list[float]]


def condense(session: Session, job: Job, folder: Path) -> Condensed:
    """Run the job's method and check what it returns; nothing is saved but the method's own checkpoint.

    Raises:
        BudgetError: the data have fewer pairs than the budget asks for.
        ArtifactError: the artifact is over its budget, of another family or of other data.
    """
    assert job.budget is not None
    spec = session.registry.method(job.method)
    method = make(session.registry, "method", job.method, job.options)
    meter = Meter()
    view, context = session.context(spec, SeedTree(job.seed).child("condense"), folder, meter)
    job.budget.check_available(len(view))
    session.observer.phase(f"{job.method} {job.budget}", None, spec.summary)
    with meter:
        artifact: Artifact = method.condense(view, job.budget, context)
    session.observer.done(f"{meter.seconds:.1f} s")
    check_family(artifact, spec.family)
    return _measured(session, job, artifact, meter, context)


def _measured(session: Session, job: Job, artifact: Artifact, meter: Meter, context: Context) -> Condensed:
    assert job.budget is not None
    train = session.dataset.split("train")
    check_artifact(artifact, train=train, fingerprint=session.dataset.fingerprint)
    size = artifact_bytes(artifact, train)
    job.budget.check_artifact_size(job.method, pairs=len(artifact), size=size)
    return Condensed(
        artifact,
        pairs=len(artifact),
        bytes=size,
        condense_s=meter.seconds,
        peak_rss_bytes=meter.peak_bytes,
        resumed=meter.before_s > 0,
        curves=context.curves,
    )

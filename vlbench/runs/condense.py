"""From a job to a checked artifact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from vlbench.artifacts.artifact import check_artifact, check_family
from vlbench.artifacts.coded_size import artifact_bytes
from vlbench.progress import seconds_text
from vlbench.runs.method_call import Condensed, run_method
from vlbench.runs.method_process import in_own_process

if TYPE_CHECKING:
    from vlbench.runs.jobs import Job
    from vlbench.runs.session import Session


def condense(session: Session, job: Job, folder: Path) -> Condensed:
    """Run a method in this process, or in one of its own if the request says so, and check its artifact.

    Nothing is saved here but the method's own checkpoint.

    Raises:
        BudgetError: the data have fewer pairs than the budget asks for.
        ArtifactError: the artifact is over its budget, of another family or of other data.
        DivergedError: a number was not finite.
        MethodQuitError: the method called ``sys.exit`` or the like, its process died, or it took longer than allowed.
    """
    assert job.budget is not None
    spec = session.registry.get("method", job.method)
    session.observer.phase(f"{job.method} {job.budget}", None, spec.summary)
    with session.lending(str(job)):
        made = in_own_process(session, job, folder) if session.request.isolate else run_method(session, job, folder)
    session.observer.done()
    earlier = f", {made.before_s:.1f} s of it before it was stopped" if made.before_s else ""
    session.observer.message(f"{job}: condensed in {seconds_text(made.seconds)}{earlier}")
    train = session.dataset.split("train")
    check_family(made.artifact, spec.family)
    check_artifact(made.artifact, train=train, fingerprint=session.dataset.fingerprint)
    size = artifact_bytes(made.artifact, train)
    job.budget.check_artifact_size(job.method, pairs=len(made.artifact), size=size)
    return replace(made, bytes=size)

"""The call of a method: what it is given, what it returns, and what it did beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from vlbench.artifacts.artifact import Artifact, DistilledPairs, Selection, check_artifact, check_family
from vlbench.artifacts.coded_size import artifact_bytes
from vlbench.artifacts.soft_targets import PARTS, Targets
from vlbench.budget import Budget
from vlbench.registry.guard import Contained, contained
from vlbench.registry.invoke import line_of, make
from vlbench.runs.meter import Meter
from vlbench.seeds import SeedTree

if TYPE_CHECKING:
    from vlbench.methods.context import Context, Setting
    from vlbench.runs.jobs import Job
    from vlbench.runs.session import Session


class MethodQuitError(RuntimeError):
    """A method did not return: it ended its process, or was stopped."""


@dataclass(frozen=True)
class Made:
    """What a method returned, and what was seen of it.

    Attributes:
        artifact: checked.
        seconds: that it took, earlier parts of the same run included.
        before_s: those of earlier parts, where it went on from a checkpoint.
        peak_bytes: of memory.
        curves: name -> values over its steps.
        settings: name -> value, as it resolved them itself.
        warnings: texts for the record.
    """

    artifact: Artifact
    seconds: float
    before_s: float
    peak_bytes: int
    curves: Mapping[str, list[float]]
    settings: Mapping[str, Setting]
    warnings: list[str] = field(default_factory=list)

    def fields(self, work: Session) -> dict[str, Any]:
        """Those of a record, with the size of the artifact under ``cost``."""
        cost = {
            "pairs": len(self.artifact),
            "bytes": artifact_bytes(self.artifact, work.dataset.split("train")),
            "condense_s": self.seconds,
            "peak_rss_bytes": self.peak_bytes,
        }
        some: dict[str, Any] = {"settings": dict(self.settings), "warnings": self.warnings}
        more = {name: value for name, value in some.items() if value}
        return {"cost": cost, "curves": dict(self.curves), **({"resumed": True} if self.before_s else {}), **more}


def condense(work: Session, job: Job, folder: Path) -> Made:
    """Run a method in this process, or in one of its own where that is asked for, and check its artifact.

    Raises:
        ArtifactError: it returned what its family does not make.
        DivergedError: a number was not finite.
        MethodQuitError: it called ``sys.exit`` or the like, its process died, or it took longer than allowed.
    """
    spec = work.registry.method(job.name)
    work.observer.phase(f"{job.name} {job.budget}", None, spec.summary)
    if work.request.isolate:
        from vlbench.runs.method_process import in_own_process

        made = in_own_process(work, job, folder)
    else:
        made = run_method(work, job, folder)
    work.observer.done(f"{made.seconds:.1f} s")
    check_family(made.artifact, spec.family)
    check_artifact(made.artifact, train=work.dataset.split("train"), fingerprint=work.dataset.fingerprint)
    return made


def run_method(work: Session, job: Job, folder: Path) -> Made:
    """Run a method here; what it prints and leaves changed stays without effect, and is named."""
    spec = work.registry.method(job.name)
    method = make(work.registry, "method", job.name, work.method_options(spec, job.options))
    view, context = work.context(spec, SeedTree(job.seed).child("condense"))
    budget = Budget.parse(job.budget)
    budget.check_available(len(view))
    context.student  # noqa: B018  # built before the clock starts: features and statistics belong to no method
    context.work = folder
    with contained() as seen:
        context.state = seen.state
        try:
            with Meter() as meter:
                context.clock = meter
                returned = method.condense(view, budget, context)
            artifact = plain(returned)
        except (KeyboardInterrupt, Exception):
            raise
        except BaseException as error:  # sys.exit, and exceptions that are made to pass every handler
            raise MethodQuitError(f"the method raised {type(error).__name__}: {error}{line_of(error)}") from error
    curves, settings = _reported(context)
    return Made(artifact, meter.seconds, meter.before_s, meter.peak_bytes, curves, settings, _beside(seen))


def _reported(context: Context) -> tuple[dict[str, list[float]], dict[str, Setting]]:
    """Curves and settings; put in once more through their door, whatever the method did to them."""
    curves, settings = context.curves, context.resolved
    context.curves, context.resolved = {}, {}
    for name, values in curves.items():
        for value in values:
            context.curve(name, value)
    context.settings(**settings)
    return context.curves, context.resolved


def _beside(seen: Contained) -> list[str]:
    texts = []
    if seen.left:
        texts.append(f"The method left changed for the whole process: {', '.join(seen.left)}. It was put back.")
    if seen.written:
        texts.append(f"The method wrote {seen.written:,} bytes to standard output; they went to standard error.")
    return texts


def plain(artifact: Any) -> Artifact:
    """A copy of an artifact that the method has no hold on; what is no artifact comes back as it is."""
    if isinstance(artifact, Selection):
        return Selection(_plain(artifact.indices), artifact.fingerprint, tuple(artifact.mean_sides))
    if not isinstance(artifact, DistilledPairs):
        return artifact  # type: ignore[no-any-return]  # the check refuses it
    targets = artifact.targets
    return DistilledPairs(
        {side: _plain(tensor) for side, tensor in artifact.sides.items()},
        dict(artifact.spaces),
        artifact.fingerprint,
        dict(artifact.rates),
        plain(artifact.start) if artifact.start is not None else None,  # type: ignore[arg-type]
        scales={side: _plain(tensor) for side, tensor in artifact.scales.items()},
        targets=Targets(*(_plain(getattr(targets, part)) for part in PARTS)) if targets is not None else None,
    )


def _plain(tensor: Any) -> Any:
    if not isinstance(tensor, Tensor):
        return tensor
    return Tensor.as_subclass(tensor, Tensor).detach().clone()

"""The call of a method: what it is given, what it returns, and what it did beside."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from vlbench.artifacts.artifact import Artifact, DistilledPairs, Selection
from vlbench.artifacts.soft_targets import PARTS, Targets
from vlbench.methods.context import JobState
from vlbench.progress import SilentObserver
from vlbench.registry.guard import Contained, contained
from vlbench.registry.invoke import construct, line_of
from vlbench.runs.meter import Meter
from vlbench.seeds import SeedTree
from vlbench.visible import cause_of

if TYPE_CHECKING:
    from vlbench.methods.context import Context, Setting
    from vlbench.runs.jobs import Job
    from vlbench.runs.session import Session


class MethodQuitError(RuntimeError):
    """A method did not return: it ended its process, or was stopped."""


@dataclass(frozen=True)
class Condensed:
    """A checked artifact, and what was seen of the method that made it.

    Attributes:
        artifact: within its budget, of the declared family and of this dataset.
        seconds: that the method took, earlier parts of the same run included.
        before_s: those of earlier parts, where it was resumed from a checkpoint.
        peak_bytes: peak of resident memory meanwhile.
        curves: name -> values over its steps.
        settings: name -> value that the method resolved by itself.
        warnings: texts for the record.
        bytes: the artifact's coded size; 0 until it is checked.
        device_peak_bytes: peak of a GPU's memory meanwhile; None without one.
        device_busy: mean share of the time in which a GPU worked; None where nobody could say.
        step_s: median seconds of a step; None where the method reported no curve.
    """

    artifact: Artifact
    seconds: float
    before_s: float
    peak_bytes: int
    curves: Mapping[str, list[float]]
    settings: Mapping[str, Setting]
    warnings: list[str] = field(default_factory=list)
    bytes: int = 0
    device_peak_bytes: int | None = None
    device_busy: float | None = None
    step_s: float | None = None


def run_method(session: Session, job: Job, folder: Path) -> Condensed:
    """Run a method here; what it prints and leaves changed stays without effect, and is named."""
    assert job.budget is not None
    spec = session.registry.get("method", job.method)
    budget = copy.copy(job.budget)
    method = construct(session.registry, "method", job.method, copy.deepcopy(job.options))
    meter = Meter()
    with contained() as seen:
        state = JobState(folder, meter, process=seen.state)
        view, context = session.context(spec, SeedTree(job.seed).child("condense"), state)
        try:
            budget.check_available(len(view))
            with meter:
                returned = method.condense(view, budget, context)
            artifact = plain(returned)
        except (KeyboardInterrupt, Exception):
            raise
        except BaseException as error:  # sys.exit, and exceptions that are made to pass every handler
            raise MethodQuitError(f"the method raised {cause_of(error)}{line_of(error)}") from error
    step_s = context.step_s
    curves, settings = _reported(context)
    return Condensed(
        artifact, meter.seconds, meter.before_s, meter.peak_bytes, curves, settings, _side_effects(seen),
        device_peak_bytes=meter.device_peak_bytes, device_busy=meter.device_busy, step_s=step_s,
    )  # fmt: skip


def _reported(context: Context) -> tuple[dict[str, list[float]], dict[str, Setting]]:
    """Curves and settings; put in once more through their door, whatever the method did to them."""
    curves, settings = context.curves, context.resolved
    context.curves, context.resolved, context.observer = {}, {}, SilentObserver()  # which saw the curves already
    for name, values in curves.items():
        for value in values:
            context.curve(name, value)
    context.settings(**settings)
    return context.curves, context.resolved


def _side_effects(seen: Contained) -> list[str]:
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

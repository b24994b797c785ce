"""A job as a process of its own is given it, and as it reads it."""

from __future__ import annotations

import contextlib
import dataclasses
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import to_builtins

from vlbench.budget import Budget
from vlbench.offline import is_offline
from vlbench.records.record import MatchedTo
from vlbench.runs.jobs import Job, method_options, options_json
from vlbench.runs.request import RunRequest

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry


def asked_of_child(job: Job, request: RunRequest, plugin_files: tuple[str, ...]) -> dict[str, Any]:
    """A job and its request as JSON may hold them."""
    return {
        "job": {
            **vars(job),
            "budget": str(job.budget or ""),
            "options": options_json(job.options),
            "matched_to": to_builtins(job.matched_to),
        },
        "request": dataclasses.asdict(request),
        "plugin_files": plugin_files,
        "offline": is_offline(),
    }


def request_of(asked: Mapping[str, Any]) -> RunRequest:
    """The request again, from what :func:`asked_of_child` gave."""
    given = asked["request"]
    paths = {name: Path(given[name]) for name in ("out", "data") if given[name] is not None}
    return RunRequest(
        **{
            **given,
            **paths,
            "seeds": tuple(given["seeds"]),
            "students": tuple(given["students"]),
            "log": tuple(given["log"]),
        }
    )


def job_of(asked: Mapping[str, Any], registry: Registry) -> Job:
    """The job again, its options parsed."""
    given = asked["job"]
    job = Job(**{**given, "budget": Budget.parse(given["budget"]) if given["budget"] else None})
    options = method_options(registry.get("method", job.method), given["options"]) if job.has_method else None
    matched = MatchedTo(**given["matched_to"]) if given["matched_to"] else None
    return dataclasses.replace(job, options=options, matched_to=matched)


def how_it_ended(code: int) -> str:
    """An exit code as :mod:`subprocess` gives it, in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"

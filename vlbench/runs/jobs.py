"""What one command makes: a job for each row, typed from the command line to the record."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vlbench.budget import Budget
from vlbench.records.record import MatchedTo, Record
from vlbench.registry.options import options_for_each, parse_options, recorded
from vlbench.runs.request import RunRequest

if TYPE_CHECKING:
    from vlbench.protocol.protocol import Rows
    from vlbench.registry.registry import Registry
    from vlbench.registry.specs import MethodSpec

FULL, CHANCE = "full", "chance"
RESCORED = "rescored"
"""Stands for the method while a saved artifact is scored again."""


@dataclass(frozen=True)
class Job:
    """One row to make.

    Attributes:
        method: a declared method, or ``full`` or ``chance``, which have neither options nor a budget.
        budget: what the artifact may hold; None for ``full`` and ``chance``.
        options: the method's options, parsed.
        seed: of the distillation, the root of its seed tree.
        baseline: whether the row is made to give other rows their meaning.
        matched_to: method, options and budget of the distilled row whose size this random row copies, if any.
    """

    method: str
    budget: Budget | None = None
    options: Any = None
    seed: int = 0
    baseline: bool = False
    matched_to: MatchedTo | None = None

    def __str__(self) -> str:
        at = f" at budget {self.budget}" if self.budget else ""
        return f"{self.method}{at}" + (f", seed {self.seed}" if self.seed else "")

    @property
    def has_method(self) -> bool:
        """Whether a declared method makes the artifact."""
        return self.method not in (FULL, CHANCE)

    @property
    def budget_text(self) -> str:
        """The budget as records and the command line write it; the name of the row where there is none."""
        return str(self.budget) if self.budget else self.method


def asked_jobs(registry: Registry, methods: Sequence[str], budgets: Sequence[Budget], request: RunRequest) -> list[Job]:
    """Every method at every budget with every distillation seed; its options are parsed here, once.

    Raises:
        UnknownNameError: a method or an option does not exist.
        OptionError: an option's value is not allowed.
    """
    specs = {name: registry.get("method", name) for name in methods}
    given = options_for_each(request.options, {name: spec.options for name, spec in specs.items()})
    options = {name: method_options(spec, given[name]) for name, spec in specs.items()}
    return [Job(name, budget, options[name], seed) for budget in budgets for name in specs for seed in request.seeds]


def baseline_jobs(registry: Registry, rows: Rows, budgets: Sequence[Budget], seeds: Sequence[int]) -> list[Job]:
    """The rows that a protocol shows at every budget, then full data and chance."""
    options = {name: method_options(registry.get("method", name), {}) for name in rows.always}
    jobs = [Job(name, budget, options[name], seed, True) for budget in budgets for name in options for seed in seeds]
    jobs += [Job(FULL, baseline=True)] if rows.full else []
    return [*jobs, Job(CHANCE, baseline=True)]


def matched_job(registry: Registry, rows: Rows, record: Record) -> Job | None:
    """The protocol's reference row at the size of a distilled row; None where there is nothing to match.

    The size is that in bytes where the row's budget is in pairs, and that in pairs where it is in bytes.
    """
    if not rows.reference_row or record.status != "finished" or record.family != "distillation":
        return None
    assert record.cost.pairs is not None
    assert record.cost.bytes is not None
    counted = Budget.parse(record.budget).unit
    size = Budget(record.cost.bytes, "bytes") if counted == "pairs" else Budget(record.cost.pairs)
    matched_to = MatchedTo(method=record.method, options=record.options, budget=record.budget)
    options = method_options(registry.get("method", rows.reference_row), {})
    return Job(rows.reference_row, size, options, record.seed, baseline=True, matched_to=matched_to)


def method_options(spec: MethodSpec, given: Mapping[str, object]) -> Any:
    """A method's options, typed and checked."""
    return parse_options(spec.options, given, owner=f"method {spec.name!r}", hint=f"vlbench methods {spec.name}")


def options_json(options: Any) -> dict[str, Any]:
    """Options as JSON gives them back, where a tuple is a list; empty for None."""
    found: dict[str, Any] = json.loads(json.dumps(recorded(options))) if options is not None else {}
    return found


def changed_options(options: Any) -> Iterator[tuple[str, str]]:
    """Name and text of each option that differs from its default, as ``-o NAME=TEXT`` takes them."""
    for field in dataclasses.fields(options) if options is not None else ():
        value = getattr(options, field.name)
        default = field.default
        if field.default_factory is not dataclasses.MISSING:
            default = field.default_factory()
        if field.init and value != default:
            yield field.name, option_text(value)


def option_text(value: object) -> str:
    """A value as ``-o key=...`` takes it."""
    if value is None or isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, list | tuple | dict) else str(value)


def command_words(job: Job, request: RunRequest, *, suite: str, more: Sequence[str] = ()) -> list[str]:
    """The command that makes a row, as a shell takes it; the words ``more`` stand before its options."""
    words = ["vlbench", "run", "--method", job.method, "--budget", job.budget_text, "--suite", suite]
    words += ["--seed", str(job.seed), *more]
    words += ["--students", ",".join(request.students)] if request.students else []
    for key, text in changed_options(job.options):
        words += ["-o", f"{key}={text}"]
    for key, text in request.overrides.items():
        words += ["--set", f"{key}={text}"]
    return words

"""The rows of one command: those asked for, and those that give them meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlbench.budget import Budget
from vlbench.protocol.protocol import Rows
from vlbench.runs.request import RunRequest

Record = Mapping[str, Any]
FULL, CHANCE, RESCORED, RANDOM = "full", "chance", "artifact", "random"
WITHOUT_METHOD = (FULL, CHANCE, RESCORED)


@dataclass(frozen=True)
class Job:
    """One row to make: a method with its options at a budget; ``full`` and ``chance`` have no method.

    Attributes:
        beside: method, options and budget of the distilled row whose size this one has, where it stands for that only.
    """

    name: str
    budget: str
    options: Mapping[str, object]
    seed: int = 0
    always_on: bool = False
    beside: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        at = "" if self.name == self.budget else f" at budget {self.budget}"
        return f"{self.name}{at}" + (f", seed {self.seed}" if self.seed else "")


def asked_jobs(
    options: Mapping[str, Mapping[str, object]], budgets: Sequence[Budget], seeds: Sequence[int]
) -> list[Job]:
    """Every method (name -> its options) at every budget with every distillation seed."""
    return [
        Job(name, str(budget), options[name], seed) for budget in budgets for name in options for seed in seeds
    ]  # fmt: skip


def baseline_jobs(rows: Rows, budgets: Sequence[Budget], seeds: Sequence[int]) -> list[Job]:
    """What a protocol shows at every budget, full data and chance; these two have neither budget nor seed."""
    jobs = [Job(name, str(budget), {}, seed, True) for budget in budgets for name in rows.always for seed in seeds]
    jobs += [Job(FULL, FULL, {}, always_on=True)] * rows.full
    return [*jobs, Job(CHANCE, CHANCE, {}, always_on=True)]


def matched_random(record: Record) -> Job | None:
    """Random pairs of the size of a distilled row: as many bytes where its budget is in pairs, as many pairs else."""
    if record["status"] != "finished" or record["family"] != "distillation":
        return None
    in_bytes = Budget.parse(record["budget"]).unit == "pairs"
    size = Budget(record["cost"]["bytes"], "bytes") if in_bytes else Budget(record["cost"]["pairs"])
    beside = {key: record[key] for key in ("method", "options", "budget")}
    return Job(RANDOM, str(size), {}, record["seed"], True, beside)


def run_words(job: Job, request: RunRequest, *, suite: str, more: Sequence[str] = ()) -> list[str]:
    """The command that makes a row, as a shell takes it; the words ``more`` stand before its options."""
    words = ["vlbench", "run", "--method", job.name, "--budget", job.budget, "--suite", suite]
    words += ["--seed", str(job.seed), *more]
    words += ["--students", ",".join(request.students)] if request.students else []
    for key, value in job.options.items():
        words += ["-o", f"{key}={value}"]
    for key, text in request.overrides.items():
        words += ["--set", f"{key}={text}"]
    return words

"""What is asked of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vlbench.errors import OptionError


@dataclass(frozen=True)
class RunRequest:
    """Everything asked of a run but its methods and budgets.

    Attributes:
        suite: name of a suite, or path of a TOML file; ``""`` where a record at hand names it.
        seeds: of the distillation, each the root of a seed tree; one record for each.
        device: ``"auto"``, ``"cpu"``, ``"cuda"``, ``"cuda:1"``, ...
        options: ``key`` or ``method.key`` -> text or value; see :func:`vlbench.registry.options.options_for_each`.
        overrides: protocol key -> text.
        out: folder of the runs.
        executor: how rows are run, by name.
        data: folder with the files of the suite's dataset, or None: the one that ``vlbench prepare`` was given, if
            any. It is no part of what is asked of a method, so records and cache keys do not hold it.
        students: declared students that score each artifact beside the protocol's; no method sees them.
        isolate: each method runs in a process of its own.
        time_limit_s: seconds after which that process is stopped; 0: never.
        log: observers that are made by request, by name.

    Raises:
        OptionError: no seed, or one that is no whole number of at least 0; a time limit below 0 or NaN.
    """

    suite: str = "scenes"
    seeds: tuple[int, ...] = (0,)
    device: str = "auto"
    options: Mapping[str, object] = field(default_factory=dict)
    overrides: Mapping[str, str] = field(default_factory=dict)
    out: Path = Path("runs")
    executor: str = "serial"
    data: Path | None = None
    students: tuple[str, ...] = ()
    isolate: bool = False
    time_limit_s: float = 0.0
    log: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.seeds:
            raise OptionError("no seed is given. Give one or more, as in --seed 0,1,2.")
        for seed in self.seeds:
            if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
                raise OptionError(f"seed {seed!r:.60} is not a whole number of at least 0.")
        if not self.time_limit_s >= 0:  # which NaN is not
            raise OptionError(f"time limit {self.time_limit_s!r} is not a number of seconds. Give 0 for none.")


AS_RECORDED = RunRequest(suite="")
"""The suite that the record at hand names."""

"""Checks and their results. Light: this module imports no torch."""

from __future__ import annotations

import sys
import sysconfig
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from unittest import SkipTest

from vlbench.errors import VlbenchError
from vlbench.visible import cause_of

Check = Callable[[Any], None]
"""One rule, called with the harness of one method, dataset, encoder or suite.

It raises AssertionError with what is wrong and what to do, or SkipTest with why it does not apply.
"""

Status = Literal["passed", "failed", "skipped"]

_CORE = Path(__file__).parents[1]
_PYTHON = Path(sysconfig.get_path("stdlib"))
_DEPENDENCIES = frozenset(
    ("torch", "numpy", "scipy", "sklearn", "PIL", "faiss", "timm", "peft", "transformers", "sentence_transformers")
)
"""Libraries whose frames may lie between a plugin's line and an error."""


@dataclass(frozen=True)
class CheckResult:
    """The result of one check of a method, dataset, encoder, suite or plugin.

    Attributes:
        kind: ``method``, ``dataset``, ``encoder``, ``suite`` or ``plugin``.
        name: what it is called.
        check: the rule, without ``check_``.
        status: ``passed``, ``failed`` (the rule is broken, or the plugin raised) or ``skipped`` (it does not apply, or
            an error that was reported before stands in its way).
        message: what is wrong and what to do, or why it is skipped; empty where it passed.
        rule: what is checked, in one sentence.
        seconds: the check took; a check that comes first makes runs that later ones share.
    """

    kind: str
    name: str
    check: str
    status: Status
    message: str
    rule: str
    seconds: float


def check_name(check: Check) -> str:
    """What results and expected failures call a check."""
    return check.__name__.removeprefix("check_")


def require(holds: bool, message: str) -> None:
    """Raise AssertionError unless a rule holds."""
    if not holds:
        raise AssertionError(message)


def listed(texts: Sequence[str], most: int = 3) -> str:
    """The first few of some texts, each once."""
    distinct = list(dict.fromkeys(texts))
    more = f" and {len(distinct) - most} more" if len(distinct) > most else ""
    return ", ".join(distinct[:most]) + more


def call_check(check: Check, harness: Any) -> None:
    """Call a check, on one thread: toys are so small that more threads only wait for each other."""
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch else 0
    try:
        if torch:
            torch.set_num_threads(1)
        check(harness)
    finally:
        if torch:
            torch.set_num_threads(threads)


def run_checks(kind: str, name: str, checks: Sequence[Check], harness: Any) -> Iterator[CheckResult]:
    """Run checks one after the other. An error of the plugin is reported once, by the first check that meets it."""
    met: dict[str, str] = {}
    for check in checks:
        started = time.perf_counter()
        status, message = _outcome(check, harness, met)
        rule = (check.__doc__ or "").strip().splitlines()[0]
        yield CheckResult(kind, name, check_name(check), status, message, rule, time.perf_counter() - started)


def _outcome(check: Check, harness: Any, met: dict[str, str]) -> tuple[Status, str]:
    try:
        call_check(check, harness)
    except SkipTest as skip:
        return "skipped", str(skip)
    except (Exception, SystemExit) as error:
        if isinstance(error, AssertionError) and _own_frame(error) is None:
            return "failed", str(error)  # the check's own words
        text = error_text(error)
        if text in met:
            return "skipped", f"the error of '{met[text]}' stands in its way."
        met[text] = check_name(check).replace("_", " ")
        return "failed", text
    return "passed", ""


def error_text(error: BaseException) -> str:
    """``KeyError: 'lost' (every_nth.py:12: return table["lost"])``, of the innermost line outside libraries."""
    text = str(error) if isinstance(error, VlbenchError) else cause_of(error)
    text, frame = text.rstrip(": "), _own_frame(error)
    if frame is None:
        return text
    code = f": {frame.line}" if frame.line else ""
    return f"{text} ({Path(frame.filename).name}:{frame.lineno}{code})"


def _own_frame(error: BaseException) -> traceback.FrameSummary | None:
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame for frame in reversed(frames) if not is_library(Path(frame.filename))), None)


def is_library(file: Path) -> bool:
    """Whether a source file belongs to vlbench, to what it depends on, or to Python itself."""
    if str(file).startswith("<") or file.is_relative_to(_CORE):
        return True
    if "site-packages" in file.parts:
        return file.parts[file.parts.index("site-packages") + 1] in _DEPENDENCIES
    return file.is_relative_to(_PYTHON)

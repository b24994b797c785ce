"""Running the checks: as a list of results, or as tests of pytest."""

from __future__ import annotations

import functools
import shutil
import tempfile
import time
import traceback
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from vlbench.registry.loader import load_registry
from vlbench.registry.names import unknown
from vlbench.registry.options import parse_options
from vlbench.registry.registry import Registry
from vlbench.registry.specs import MethodSpec
from vlbench.testing.checks import CHECKS, Check
from vlbench.testing.trials import Toys

if TYPE_CHECKING:
    import pytest


@dataclass(frozen=True)
class CheckResult:
    """How a method fared in one check.

    Attributes:
        method: its name.
        check: the rule, without ``check_``.
        status: ``passed``, or ``failed`` (the rule is broken, or the method raised).
        message: what is wrong, in one line; empty where it passed.
        rule: what is checked, in one sentence.
        seconds: the check took; a check that comes first makes runs that later ones share.
    """

    method: str
    check: str
    status: Literal["passed", "failed"]
    message: str
    rule: str
    seconds: float


def check_method(
    method: str | MethodSpec, registry: Registry | None = None, *, options: Mapping[str, object] | None = None
) -> list[CheckResult]:
    """Run every check on a method, on toy data, and say how each went. Nothing is raised for a broken rule.

    Args:
        method: a registered name, or a declaration.
        registry: where the name is looked up; all installed plugins by default.
        options: of the method, as ``-o`` takes them; give a slow method fewer steps here.

    Raises:
        UnknownNameError: there is no method or option of that name.
        OptionError: an option has a value that is not allowed.

    Example:
        >>> from vlbench.testing import check_method
        >>> failed = [result for result in check_method("random") if result.status == "failed"]
    """
    spec = _spec(method, registry)
    toys = _toys(_checked(options, spec))
    return [_result(check, spec, toys) for check in CHECKS]


def parametrize_with_checks(
    methods: Sequence[str | MethodSpec],
    *,
    expected_failures: Mapping[str, str] | None = None,
    registry: Registry | None = None,
    options: Mapping[str, Mapping[str, object]] | None = None,
) -> pytest.MarkDecorator:
    """Make a test function of one argument ``check`` into one test for each method and check.

    Args:
        methods: registered names, or declarations.
        expected_failures: name of a check, with or without ``check_`` -> why it fails; a strict xfail.
        registry: where names are looked up; all installed plugins by default.
        options: method name -> its options, as ``-o`` takes them.

    Raises:
        UnknownNameError: there is no method, option or check of some name.
        OptionError: an option has a value that is not allowed.

    Example:
        >>> @parametrize_with_checks(["every-nth"])
        ... def test_conformance(check):
        ...     check()
    """
    import pytest

    reasons = {name.removeprefix("check_"): reason for name, reason in (expected_failures or {}).items()}
    _check_known(reasons)
    cases = []
    for method in methods:
        spec = _spec(method, registry)
        given = (options or {}).get(spec.name)
        toys = functools.cache(functools.partial(_toys, _checked(given, spec)))
        for check in CHECKS:
            name = _name(check)
            marks = [pytest.mark.xfail(reason=reasons[name], strict=True)] if name in reasons else []
            cases.append(pytest.param(_call(check, spec, toys), marks=marks, id=f"{spec.name}-{name}"))
    return pytest.mark.parametrize("check", cases)


def _call(check: Check, spec: MethodSpec, toys: Callable[[], Toys]) -> Callable[[], None]:
    return lambda: check(spec, toys())


def _spec(method: str | MethodSpec, registry: Registry | None) -> MethodSpec:
    if isinstance(method, MethodSpec):
        return method
    return (registry or load_registry()).method(method)


def _checked(options: Mapping[str, object] | None, spec: MethodSpec) -> Mapping[str, object]:
    parse_options(spec.options, options or {}, owner=f"method {spec.name!r}", hint=f"vlbench methods {spec.name}")
    return options or {}


def _check_known(names: Iterable[str]) -> None:
    known = [_name(check) for check in CHECKS]
    for name in names:
        if name not in known:
            raise unknown("check", name, known)


def _toys(options: Mapping[str, object]) -> Toys:
    folder = Path(tempfile.mkdtemp(prefix="vlbench-check-"))
    toys = Toys(folder, options)
    weakref.finalize(toys, shutil.rmtree, folder, ignore_errors=True)
    return toys


def _name(check: Check) -> str:
    return check.__name__.removeprefix("check_")


def _result(check: Check, spec: MethodSpec, toys: Toys) -> CheckResult:
    rule = (check.__doc__ or "").splitlines()[0]
    started = time.perf_counter()
    try:
        check(spec, toys)
        message = ""
    except AssertionError as error:
        message = str(error) or f"AssertionError at {_place(error)}"
    except Exception as error:
        message = f"{type(error).__name__}: {error} (at {_place(error)})"
    status: Literal["passed", "failed"] = "failed" if message else "passed"
    return CheckResult(spec.name, _name(check), status, message, rule, time.perf_counter() - started)


def _place(error: BaseException) -> str:
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{Path(frame.filename).name}:{frame.lineno}"

"""The checks as tests of pytest."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from vlbench.registry.loader import load_registry
from vlbench.registry.registry import Registry
from vlbench.registry.specs import Spec
from vlbench.registry.suggestions import unknown_name
from vlbench.testing.conformance import Options, check_options, given_to, subjects
from vlbench.testing.results import Check, call_check, check_name

if TYPE_CHECKING:
    import pytest


def parametrize_with_checks(
    what: Sequence[str | Spec],
    *,
    expected_failures: Mapping[str, str] | None = None,
    registry: Registry | None = None,
    options: Mapping[str, Options] | None = None,
) -> pytest.MarkDecorator:
    """Make a test function of one argument ``check`` into one test for each check of each thing named.

    Args:
        what: names of methods, datasets, encoders, suites, or plugins (all that they declare); or declarations.
        expected_failures: name of a check, with or without ``check_`` -> why it fails; one that passes is a failure.
        registry: where names are looked up; all installed plugins by default.
        options: name -> its options, as ``-o`` takes them.

    Raises:
        UnknownNameError: nothing is called so, or there is no option or check of some name.
        OptionError: an option has a value that is not allowed.

    Examples:
        >>> @parametrize_with_checks(["random"])
        ... def test_conformance(check):
        ...     check()
    """
    import pytest

    reasons = {name.removeprefix("check_"): reason for name, reason in (expected_failures or {}).items()}
    registry = registry or load_registry()
    cases, known = [], set()
    for subject in [subject for one in what for subject in subjects(one, registry)]:
        given = given_to(subject, options)
        if given:
            check_options(subject, given)
        harness = functools.cache(functools.partial(subject.harness, given))
        for check in subject.checks():
            name = check_name(check)
            known.add(name)
            marks = [pytest.mark.xfail(reason=reasons[name], strict=True)] if name in reasons else []
            cases.append(pytest.param(_call(check, harness), marks=marks, id=f"{subject.name}-{name}"))
    _check_known(reasons, known)
    return pytest.mark.parametrize("check", cases)


def _call(check: Check, harness: Callable[[], Any]) -> Callable[[], None]:
    return lambda: call_check(check, harness())


def _check_known(names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            raise unknown_name("check", name, known)

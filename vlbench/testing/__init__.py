"""Checks that an author runs on a plugin, and the toys they run on.

``check_method``, ``check_dataset``, ``check_encoder`` and ``check_suite`` give a list of results;
``parametrize_with_checks`` makes one test of each. ``pretend_gpu`` is a device on which mistakes that only a GPU shows
are errors. Names are resolved when they are first used, so that importing this
package, as pytest does for its fixtures, imports no torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlbench.lazy import lazy_name

if TYPE_CHECKING:
    from vlbench.testing.conformance import check_dataset, check_encoder, check_method, check_plugin, check_suite
    from vlbench.testing.parametrize import parametrize_with_checks
    from vlbench.testing.pretend import pretend_gpu
    from vlbench.testing.results import CheckResult
    from vlbench.testing.toys import toy_builder, toy_context, toy_dataset, toy_student

__all__ = [
    "CheckResult",
    "check_dataset",
    "check_encoder",
    "check_method",
    "check_plugin",
    "check_suite",
    "parametrize_with_checks",
    "pretend_gpu",
    "toy_builder",
    "toy_context",
    "toy_dataset",
    "toy_student",
]

_MODULES = {
    "vlbench.testing.conformance": ("check_dataset", "check_encoder", "check_method", "check_plugin", "check_suite"),
    "vlbench.testing.parametrize": ("parametrize_with_checks",),
    "vlbench.testing.pretend": ("pretend_gpu",),
    "vlbench.testing.results": ("CheckResult",),
    "vlbench.testing.toys": ("toy_builder", "toy_context", "toy_dataset", "toy_student"),
}


def __getattr__(name: str) -> Any:
    return lazy_name(__name__, _MODULES, name)


def __dir__() -> list[str]:
    return list(__all__)

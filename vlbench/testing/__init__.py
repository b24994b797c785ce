"""Checks that an author runs on a plugin, and the toys they run on.

``check_method``, ``check_dataset``, ``check_encoder`` and ``check_suite`` give a list of results;
``parametrize_with_checks`` makes one test of each. ``pretend_gpu`` is a device on which mistakes that only a GPU shows
are errors. Names are resolved when they are first used, so that importing this
package, as pytest does for its fixtures, imports no torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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
    "conformance": ("check_dataset", "check_encoder", "check_method", "check_plugin", "check_suite"),
    "marks": ("parametrize_with_checks",),
    "pretend": ("pretend_gpu",),
    "results": ("CheckResult",),
    "toys": ("toy_builder", "toy_context", "toy_dataset", "toy_student"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'vlbench.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(f"vlbench.testing.{_MODULE_OF[name]}"), name)


def __dir__() -> list[str]:
    return list(__all__)

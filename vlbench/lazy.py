"""Names of a package that are imported when they are first used, so that importing the package stays light."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from typing import Any


def lazy_name(package: str, modules: Mapping[str, Sequence[str]], name: str) -> Any:
    """The value of ``name``, from the module that holds it; for a package's ``__getattr__``.

    Args:
        package: the package's own name.
        modules: module -> the names it holds.
        name: what was asked for.

    Raises:
        AttributeError: no module holds it.
    """
    for module, names in modules.items():
        if name in names:
            value = getattr(importlib.import_module(module), name)
            setattr(sys.modules[package], name, value)
            return value
    raise AttributeError(f"module {package!r} has no attribute {name!r}")

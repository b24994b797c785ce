"""Libraries that every command imports late: once in the parent, they cost its forks nothing."""

from __future__ import annotations

import importlib

LIBRARIES = ("torch._dynamo", "pandas", "sklearn.utils", "pyarrow.parquet", "safetensors.torch", "rich.console")


def import_libraries() -> None:
    """Import them; none starts a thread, so that the process can be forked."""
    for name in LIBRARIES:
        importlib.import_module(name)

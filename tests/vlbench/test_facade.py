"""The facade: every promised name is there, and importing it is light."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import vlbench


@pytest.mark.parametrize("name", vlbench.__all__)
def test_every_promised_name_resolves(name: str) -> None:
    assert getattr(vlbench, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_it"):
        vlbench.nothing_like_it  # noqa: B018


def test_run_stays_a_function_after_its_module_is_imported() -> None:
    importlib.import_module("vlbench.run")
    assert callable(vlbench.run)


def test_import_is_light() -> None:
    code = """
import sys, vlbench
vlbench.hookimpl, vlbench.option, vlbench.MethodSpec, vlbench.Selector, vlbench.Method
print([m for m in ("torch", "click", "rich", "numpy", "timm", "transformers", "peft", "faiss") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

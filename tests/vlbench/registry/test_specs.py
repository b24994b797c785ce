"""Declarations check themselves, and targets are imported only when asked."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import vlbench
from vlbench.errors import PluginError
from vlbench.registry.specs import resolve

METHOD: dict[str, Any] = {"name": "m", "target": "a.b:C", "family": "selection", "summary": "Does a thing."}


@dataclass
class Thawed:
    start: int = 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "has space"),
        ("name", ""),
        ("name", 3),
        ("name", "a.b"),
        ("target", "a.b"),
        ("target", "a:b:c"),
        ("family", "selector"),
        ("summary", ""),
        ("summary", "two\nlines"),
        ("options", {"start": 1}),
        ("options", Thawed),
        ("deterministic", "yes"),
        ("paper", None),
    ],
)
def test_wrong_field_of_a_method_is_named_with_its_value(field: str, value: object) -> None:
    with pytest.raises(PluginError) as caught:
        vlbench.MethodSpec(**{**METHOD, field: value})
    assert field in str(caught.value)
    assert "must be" in str(caught.value)


def test_encoder_and_suite_check_their_own_fields() -> None:
    with pytest.raises(PluginError, match="side"):
        vlbench.EncoderSpec(name="e", target="a:B", side="two words", summary="s")
    with pytest.raises(PluginError, match="file"):
        vlbench.SuiteSpec(name="s", file="suite.toml", summary="s")


def test_declaration_imports_nothing() -> None:
    vlbench.MethodSpec(**{**METHOD, "target": "no_such_module_at_all:C"})
    assert "no_such_module_at_all" not in sys.modules


def test_resolve_gives_what_the_target_names() -> None:
    assert resolve("pathlib:Path") is Path
    assert resolve("pathlib:Path.cwd") == Path.cwd


@pytest.mark.parametrize("target", ["no_such_module_at_all:C", "pathlib:Paht"])
def test_target_that_does_not_exist_is_named(target: str) -> None:
    with pytest.raises(PluginError, match=target.split(":")[1]):
        resolve(target)


def test_suite_text_comes_from_a_package_or_from_beside_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package_with_suite"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "in.toml").write_text("a = 1")
    (tmp_path / "module_with_suite.py").write_text("")
    (tmp_path / "beside.toml").write_text("b = 2")
    monkeypatch.syspath_prepend(tmp_path)
    assert vlbench.SuiteSpec(name="s", file="package_with_suite:in.toml", summary="s").read_text() == "a = 1"
    assert vlbench.SuiteSpec(name="s", file="module_with_suite:beside.toml", summary="s").read_text() == "b = 2"
    with pytest.raises(PluginError, match=r"none\.toml"):
        vlbench.SuiteSpec(name="s", file="package_with_suite:none.toml", summary="s").read_text()

"""The page of hooks says what the code says."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import pytest

from vlbench.registry import hookspecs
from vlbench.registry.loader import load_registry
from vlbench.registry.options import NoOptions
from vlbench.registry.registry import KINDS, Kind

PAGE = (Path(__file__).parents[2] / "docs" / "hooks.md").read_text(encoding="utf-8")
HOOKS = [name for name in vars(hookspecs) if name.startswith("vlbench_")]


def test_every_hook_declares_a_kind_of_its_own():
    assert sorted(kind.hook for kind in KINDS.values()) == sorted(HOOKS)


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.hook)
def test_a_hook_is_documented_with_its_exact_arguments_and_return(kind: Kind):
    signature = inspect.signature(getattr(hookspecs, kind.hook))
    row = re.search(rf"^\| `{kind.hook}{re.escape(str(signature).split(' ->')[0])}` .*$", PAGE, re.MULTILINE)
    assert row, f"docs/hooks.md has no row of {kind.hook}"
    cells = [cell.strip() for cell in row.group().strip("|").split("|")]
    assert cells[1] == f"`{signature.return_annotation}`" == f"`list[{kind.spec.__name__}]`"
    assert cells[2] == ", ".join(f"`{name}`" for name in kind.offers)


@pytest.mark.parametrize("spec", {kind.spec for kind in KINDS.values()})
def test_a_declaration_is_documented_with_its_exact_fields(spec: type):
    fields = [
        field.name if _is_required(field) else f"{field.name}={_text(field.default)}"
        for field in dataclasses.fields(spec)
    ]
    assert f"- `{spec.__name__}({', '.join(fields)})`" in PAGE


def _is_required(field: dataclasses.Field) -> bool:
    return field.default is field.default_factory is dataclasses.MISSING


def _text(default: object) -> str:
    if default is dataclasses.MISSING:
        return "{}"
    return "NoOptions" if default is NoOptions else repr(default)


@pytest.mark.parametrize("kind", KINDS)
def test_every_hook_is_used_by_something_bundled(kind: str):
    bundled = load_registry().all(kind)
    assert bundled, f"no bundled plugin declares a {kind}; after a change of entry points, install vlbench again"

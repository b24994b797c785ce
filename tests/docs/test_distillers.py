"""The two distillers of the page are whole, short, and learn."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

import vlbench
from vlbench.registry.options import parse_options
from vlbench.registry.specs import resolve
from vlbench.testing import toy_context, toy_dataset

PAGE = Path(__file__).parents[2] / "docs" / "distillers.md"
FILES = dict(re.findall(r'```python title="(\w+\.py)"\n(.*?)```', PAGE.read_text(encoding="utf-8"), re.DOTALL))


@pytest.mark.parametrize("file", sorted(FILES))
def test_a_distiller_of_the_page_learns(file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / file).write_text(FILES[file], encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module(file.removesuffix(".py"))
    try:
        (spec,) = module.vlbench_methods()
        train, context = toy_context(toy_dataset(), tmp_path)
        method = resolve(spec.target)(parse_options(spec.options, {"outer_steps": 16}, owner=spec.name))
        artifact = method.condense(train, vlbench.Budget(8), context)
    finally:
        sys.modules.pop(module.__name__)
    (curve,) = context.curves.values()
    assert len(artifact) == 8
    assert sum(curve[-4:]) < sum(curve[:4])
    assert len(FILES[file].splitlines()) <= 45

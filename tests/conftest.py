"""Settings of all tests."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

import vlbench.records.untyped
from vlbench.records.schema import schema_problems

CHECKED = 20
"""Records of one test that are checked against the schema; a board of thousands needs no more."""


@pytest.fixture(autouse=True, scope="session")
def _one_thread():
    """Tests work on tiny tensors: more threads only wait for each other, and sums depend on their number."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def _every_record_fits_the_schema(monkeypatch: pytest.MonkeyPatch):
    """A record that any test writes has the form that the package ships: a new field is added there too."""
    text, checked = vlbench.records.untyped._text, []

    def checking(record: Mapping[str, Any], path: Path) -> str:
        written = text(record, path)
        if len(checked) < CHECKED:
            checked.append(path)
            assert schema_problems(record) == [], "add the field to vlbench/board/record.schema.json"
        return written

    monkeypatch.setattr(vlbench.records.untyped, "_text", checking)

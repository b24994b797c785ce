"""The form of a record ships, names every field, and older forms still open."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from vlbench.records.record import read_record, write_record
from vlbench.records.schema import SCHEMA, schema_problems, upgrade

from ..conftest import MakeRecord

CHOSEN = {"net": {"steps": 60, "batch": 100, "rate": 0.1, "schedule": "cosine", "noise": 0.5, "clip": 0.0}}


@pytest.fixture
def record(make_record: MakeRecord) -> dict[str, Any]:
    more = {"schema": SCHEMA, "chosen": CHOSEN, "curves": {"loss": [1.0, 0.5]}, "plugins": [{"name": "a"}]}
    return make_record("random", 10.0, environment={"versions": {"torch": "2"}, "threads": 1}, **more)


def test_the_shipped_schema_is_a_schema_of_its_version() -> None:
    schema = json.loads(files("vlbench.board").joinpath("record.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["schema"] == {"description": "Version of this form.", "const": SCHEMA}


@pytest.mark.parametrize(
    "place", ["", "cost", "environment", "plugins.0", "scores.convnet", "scores.convnet.image_to_text", "chosen.net",
              "scores.convnet.image_to_text.R@1"]
)  # fmt: skip
def test_a_field_that_the_schema_does_not_name_is_told_with_its_place(record: dict[str, Any], place: str) -> None:
    assert schema_problems(record) == []
    changed = json.loads(json.dumps(record))
    at: Any = changed
    for key in filter(None, place.split(".")):
        at = at[int(key) if key.isdigit() else key]
    at["surprise"] = 1
    (problem,) = schema_problems(changed)
    assert "'surprise'" in problem
    assert all(key in problem for key in place.split("."))


@pytest.mark.parametrize(
    "change",
    [{"seed": True}, {"seed": -1}, {"seed": 1.5}, {"status": "great"}, {"id": "../../etc"}, {"method": "a\nb"},
     {"suite": "/etc/suite"}, {"protocol_hash": "xyz"}, {"options": []}, {"cost": {"pairs": 0}}, {"schema": 1},
     {"curves": {"loss": ["low"]}}, {"overrides": {"a": 1}}, {"scores": {"net": {}}}],
)  # fmt: skip
def test_a_value_of_another_form_is_told_with_its_place(record: dict[str, Any], change: dict[str, Any]) -> None:
    problems = schema_problems({**record, **change})
    assert problems
    assert all(problem.startswith(f"$.{next(iter(change))}") for problem in problems)


def test_a_record_of_schema_1_opens_and_fits_the_newest(tmp_path: Path, record: dict[str, Any]) -> None:
    (tmp_path / "record.json").write_text(json.dumps({**record, "schema": 1}))
    opened = read_record(tmp_path)
    assert opened == {**record, "reference": "convnet"}, "under schema 1 methods saw the student that was scored first"
    assert schema_problems(opened) == []
    assert read_record(write_record(tmp_path / "again", opened)) == opened


def test_a_record_of_schema_2_chose_among_settings_without_clipping(tmp_path: Path, record: dict[str, Any]) -> None:
    old = {"steps": 10, "batch": 4, "rate": 0.1}
    written = {**record, "schema": 2, "chosen": {"net": old}, "start": {"scores": {}, "chosen": {"net": old}}}
    (tmp_path / "record.json").write_text(json.dumps(written))
    opened = read_record(tmp_path)
    assert opened["chosen"] == opened["start"]["chosen"] == {"net": {**old, "clip": 0.0}}
    assert opened["schema"] == record["schema"]


@pytest.mark.parametrize("version", [True, "1", 0, 99, None, 1.5])
def test_a_record_of_an_unknown_schema_is_left_as_it_is(record: dict[str, Any], version: object) -> None:
    assert upgrade({**record, "schema": version})["schema"] == version

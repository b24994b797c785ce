"""Records are whole, finite and of a known schema, or refused with the place of the fault."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from vlbench.errors import DataError
from vlbench.records.record import (
    SCHEMA,
    MatchedTo,
    Record,
    find_records,
    parse_record,
    read_record,
    record_id,
    record_schema,
    record_table,
    write_record,
)

from ..conftest import MakeRecord, table

CHOSEN = {"net": {"steps": 60, "batch": 100, "learning_rate": 0.1, "schedule": "cosine", "noise": 0.5}}
FULL = {
    "chosen": CHOSEN,
    "curves": {"loss": [1.0, 0.5]},
    "plugins": [{"name": "a"}],
    "environment": {"versions": {"torch": "2"}, "threads": 1},
    "matched_to": {"method": "vldd", "options": {"rate": None}, "budget": "100"},
    "settings": {"experts": 16},
    "warnings": ["The row scores below its start."],
    "start": {"scores": {}, "chosen": CHOSEN, "cost": {"bytes": 1}},
}


def test_record_survives_writing_and_reading(tmp_path: Path) -> None:
    record = parse_record(table("random", 10.0, **FULL))
    path = write_record(tmp_path / "run", record)
    assert read_record(path) == read_record(tmp_path / "run") == record
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["record.json"]


def test_fields_that_hold_their_default_are_not_written() -> None:
    written = record_table(parse_record(table("random", 10.0, mock=False, curves={}, resumed=False, message="")))
    assert set(written) == set(table("random", 10.0)) - {"deterministic"}
    assert written["schema"] == SCHEMA


def test_where_a_record_was_found_is_never_written(tmp_path: Path, make_record: MakeRecord) -> None:
    found = replace(make_record("random", 10.0), folder=Path("somewhere"), badge="reproduced")
    assert not {"folder", "badge"} & set(json.loads(write_record(tmp_path, found).read_text()))
    (again,) = find_records([tmp_path])
    assert (again.folder, again.badge) == (tmp_path, "")
    with pytest.raises(DataError, match="folder"):
        parse_record(table("random", 10.0, folder="/etc"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_json_cannot_hold_is_refused_and_nothing_is_left(
    tmp_path: Path, make_record: MakeRecord, value: Any
) -> None:
    with pytest.raises(DataError, match="random-100-0"):
        write_record(tmp_path / "run", replace(make_record("random", 1.0), curves={"matching_loss": [value]}))
    assert not (tmp_path / "run").exists()


def test_a_value_that_could_not_be_read_again_is_not_written(tmp_path: Path, make_record: MakeRecord) -> None:
    with pytest.raises(DataError, match=r"\$\.seed"):
        write_record(tmp_path, replace(make_record("random", 1.0), seed=-1))


@pytest.mark.parametrize(
    "change", [{"schema": 99}, {"schema": None}, {"status": "great"}, {"cost": float("nan")}, {"seed": ...}]
)
def test_damaged_record_is_refused_by_file(tmp_path: Path, change: dict[str, Any]) -> None:
    record = {**table("random", 1.0), **change}
    (tmp_path / "record.json").write_text(json.dumps({k: v for k, v in record.items() if v is not ...}))
    with pytest.raises(DataError, match=r"record\.json") as caught:
        read_record(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_number_too_large_for_a_float_is_refused(tmp_path: Path) -> None:
    (tmp_path / "record.json").write_text(json.dumps(table("random", 1.0)).replace('"seed": 0', '"seed": 1e999'))
    with pytest.raises(DataError, match="out of range"):
        read_record(tmp_path)


def test_records_are_found_below_folders_each_once(tmp_path: Path, make_record: MakeRecord) -> None:
    for name in ("b", "a"):
        write_record(tmp_path / name, make_record(name, 1.0))
    assert [record.method for record in find_records([tmp_path, tmp_path / "a"])] == ["a", "b"]
    with pytest.raises(DataError, match="nowhere"):
        find_records([tmp_path / "nowhere"])


def place(of: dict[str, Any], path: str) -> Any:
    at: Any = of
    for key in filter(None, path.split(".")):
        at = at[int(key) if key.isdigit() else key]
    return at


@pytest.mark.parametrize(
    "path", ["", "cost", "environment", "plugins.0", "scores.convnet", "scores.convnet.mean_recall",
             "scores.convnet.directions.image_to_text.R@1", "start", "start.cost", "matched_to"]
)  # fmt: skip
def test_a_field_that_is_not_declared_is_refused(path: str) -> None:
    value = json.loads(json.dumps(table("random", 10.0, **FULL)))
    assert parse_record(value).curves == {"loss": [1.0, 0.5]}
    place(value, path)["surprise"] = 1
    with pytest.raises(DataError, match="unknown field `surprise`"):
        parse_record(value)


@pytest.mark.parametrize(
    "change",
    [{"seed": True}, {"seed": -1}, {"seed": 1.5}, {"status": "great"}, {"id": "../../etc"}, {"method": "a\nb"},
     {"suite": "/etc/suite"}, {"protocol_hash": "xyz"}, {"options": []}, {"cost": {"pairs": 0}},
     {"curves": {"loss": ["low"]}}, {"overrides": {"a": 1}}, {"scores": {"net": {}}}, {"chosen": {"net": {"a": []}}},
     {"scores": {"net": {"directions": {"sideways": {}}, "mean_recall": {"mean": 1, "sd": 0, "seeds": []}}}},
     {"scores": {"net": {"directions": {}, "mean_recall": {"mean": 101.0, "sd": 0, "seeds": []}}}}],
)  # fmt: skip
def test_a_value_of_another_form_is_refused_with_its_place(change: dict[str, Any]) -> None:
    with pytest.raises(DataError, match=rf"\$\.{next(iter(change))}"):
        parse_record(table("random", 10.0, **change))


def test_the_schema_of_the_command_accepts_what_is_written_and_no_other_field() -> None:
    printed = subprocess.run([sys.executable, "-m", "vlbench.records"], capture_output=True, text=True, check=True)
    schema = json.loads(printed.stdout)
    assert schema == record_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    written = record_table(parse_record(table("random", 10.0, **FULL)))
    jsonschema.validate(written, schema)
    for wrong in ({"surprise": 1}, {"seed": -1}, {"schema": SCHEMA - 1}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**written, **wrong}, schema)
    assert set(Record.__struct_fields__) | {"schema"} == set(schema["$defs"]["Record"]["properties"])


def test_same_request_is_what_was_asked_and_nothing_observed(make_record: MakeRecord) -> None:
    record = make_record("random", 10.0)
    matched = MatchedTo(method="vldd", options={}, budget="100")
    assert record.same_request(make_record("random", 90.0, created="later", mock=True))
    for change in ({"seed": 1}, {"options": {"a": 1}}, {"matched_to": matched}):
        other = replace(record, **change)
        assert not record.same_request(other)
        assert record_id(other) != record_id(record)

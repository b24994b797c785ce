"""Records are whole, finite and of a known schema, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vlbench.board.gather import find_records
from vlbench.errors import DataError
from vlbench.records.record import read_record, write_record

from ..conftest import MakeRecord


def test_record_survives_writing_and_reading(tmp_path: Path, make_record: MakeRecord) -> None:
    record = make_record("random", 10.0)
    path = write_record(tmp_path / "run", record)
    assert read_record(path) == read_record(tmp_path / "run") == {"schema": 3, **record}
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["record.json"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_json_cannot_hold_is_refused_and_nothing_is_left(
    tmp_path: Path, make_record: MakeRecord, value: object
) -> None:
    with pytest.raises(DataError, match="random-100-0"):
        write_record(tmp_path / "run", make_record("random", 1.0, curves={"matching_loss": [value]}))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "change", [{"schema": 4}, {"schema": None}, {"status": "great"}, {"cost": float("nan")}, {"seed": ...}]
)
def test_damaged_record_is_refused_by_file(tmp_path: Path, make_record: MakeRecord, change: dict[str, Any]) -> None:
    record = {"schema": 3, **make_record("random", 1.0), **change}
    (tmp_path / "record.json").write_text(json.dumps({k: v for k, v in record.items() if v is not ...}))
    with pytest.raises(DataError, match=r"record\.json"):
        read_record(tmp_path)


def test_records_are_found_below_folders_each_once(tmp_path: Path, make_record: MakeRecord) -> None:
    for name in ("b", "a"):
        write_record(tmp_path / name, make_record(name, 1.0))
    assert [record["method"] for record in find_records([tmp_path, tmp_path / "a"])] == ["a", "b"]
    with pytest.raises(DataError, match="nowhere"):
        find_records([tmp_path / "nowhere"])

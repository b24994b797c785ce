"""Boards of several machines: together where rows can be compared, else refused with the field that differs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vlbench.cli.main import main
from vlbench.records.record import write_record

from ..conftest import MakeRecord


@pytest.fixture
def machine(tmp_path: Path, make_record: MakeRecord) -> Any:
    def make(name: str, *, method: str = "vldd", **more: Any) -> str:
        record = make_record(method, 30.0, **more)
        write_record(tmp_path / name / f"{method}-{len(list(tmp_path.rglob('record.json')))}", record)
        return str(tmp_path / name)

    return make


def board(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["leaderboard", *words])
    return done.exit_code, done.output + str(done.exception or "")


def test_boards_of_one_protocol_become_one_table(machine: Any) -> None:
    one, other = machine("one"), machine("other", method="herding")
    code, text = board(one, other, one)
    assert code == 0
    assert text.count("toy · 100 pairs") == text.count("vldd") == text.count("herding") == 1
    assert "Not to be compared" not in text


@pytest.mark.parametrize(
    ("field", "value"), [("protocol_hash", "fedcba"), ("data_fingerprint", "e"), ("protocol_version", 2)]
)
def test_boards_that_cannot_be_compared_are_refused_with_the_field(machine: Any, field: str, value: object) -> None:
    one, other = machine("one"), machine("other", **{field: value})
    code, text = board(one, other)
    assert code != 0
    named = [name for name in ("protocol_hash", "data_fingerprint", "protocol_version") if f"  {name}: " in text]
    assert named == [field]
    assert "--allow-mixed" in text


def test_old_and_new_runs_of_one_folder_are_tables_apart_that_say_why(machine: Any) -> None:
    machine("one")
    code, text = board(machine("one", data_fingerprint="e"))
    assert code == 0
    assert text.count("toy · 100 pairs") == 2
    assert "here data_fingerprint d." in text
    assert "here data_fingerprint e." in text
    assert board(machine("one", data_fingerprint="e"), machine("other", data_fingerprint="e"))[0] == 0


def test_mixed_boards_are_tables_apart_on_request_and_off_protocol_runs_stay_out(machine: Any) -> None:
    one, other = machine("one"), machine("other", protocol_hash="fedcba")
    code, text = board(one, other, "--allow-mixed")
    assert (code, text.count("toy · 100 pairs")) == (0, 2)
    third = machine("third", protocol_hash="abc", overrides={"training.steps": "1"})
    code, text = board(one, third)
    assert code == 0
    assert "Off protocol" in text
    assert "Not to be compared" not in text

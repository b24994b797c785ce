"""The journal, through the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from vlbench.cli.main import main

RUN = ["run", "--suite", "scenes-mini", "--method", "random", "--budget", "20", "--set", "rows.always=[]"]


def test_a_journal_holds_phases_and_records_and_is_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "day.jsonl"
    monkeypatch.setenv("VLBENCH_JOURNAL", str(file))
    run = CliRunner().invoke(main, [*RUN, "--set", "rows.full=false", "--out", str(tmp_path), "--json"])
    assert run.exit_code == 0, run.output
    entries = [json.loads(line) for line in file.read_text().splitlines()]
    written = [entry["record"] for entry in entries if "record" in entry]
    assert [name.split("-")[0] for name in written] == ["random", "chance"]
    assert all((tmp_path / name / "record.json").exists() for name in written)
    shown = CliRunner().invoke(main, ["journal", str(file)]).stdout
    assert "1 x  random 20" in shown
    assert "Records: 2 finished." in shown


def test_durations_are_of_each_process_and_the_last_entry_counts_for_nothing(tmp_path: Path):
    entries = [
        {"process": 1, "time_s": 0.0, "phase": "a"},
        {"process": 2, "time_s": 1.0, "phase": "a"},
        {"process": 1, "time_s": 4.0, "phase": "b"},
        {"process": 2, "time_s": 11.0, "record": "r", "status": "failed"},
        {"process": 2, "time_s": 99.0, "phase": "c"},
    ]
    (tmp_path / "j").write_text("\n".join(map(json.dumps, entries)))
    lines = CliRunner().invoke(main, ["journal", str(tmp_path / "j")]).stdout.splitlines()
    assert [line.split() for line in lines] == [["14.0", "s", "2", "x", "a"], ["Records:", "1", "failed."]]


@pytest.mark.parametrize("text", ["{", "3", '{"phase": "a"}'])
def test_a_file_that_is_no_journal_is_one_message(tmp_path: Path, text: str):
    (tmp_path / "j").write_text(text)
    result = CliRunner().invoke(main, ["journal", str(tmp_path / "j")])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert "Set VLBENCH_JOURNAL" in result.stderr


@pytest.mark.parametrize("place", ["/dev/zero", "."])
def test_what_is_no_file_is_no_journal(place: str):
    result = CliRunner().invoke(main, ["journal", place])
    assert result.exit_code == 1
    assert "a folder, a pipe or a device" in result.stderr

"""What changed between two boards, told with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vlbench.board.difference import Difference, compare
from vlbench.board.leaderboard import build_table
from vlbench.board.render_difference import render_difference
from vlbench.cli.main import main
from vlbench.records.record import write_record

from ..conftest import MakeRecord, scores

Records = list[dict[str, Any]]


def several(make_record: MakeRecord, method: str, recall: float, **more: Any) -> Records:
    return [make_record(method, recall + seed / 10, seed=seed, **more) for seed in range(3)]


def difference(old: Records, new: Records) -> Difference:
    return compare(build_table(old), build_table(new))


def test_same_records_in_another_order_are_no_change(make_record: MakeRecord) -> None:
    records = several(make_record, "vldd", 30.0) + several(make_record, "herding", 14.0)
    assert difference(records, records[::-1]) == Difference((), 2)
    assert "Nothing changed" in render_difference(difference(records, records))


def test_new_row_is_told_and_so_is_whom_it_moved(make_record: MakeRecord) -> None:
    old = several(make_record, "vldd", 30.0) + several(make_record, "herding", 14.0)
    (group,) = difference(old, old + several(make_record, "craig", 22.0)).groups
    new, moved = group.changes
    assert (new.kind, new.method, new.old) == ("new", "craig", None)
    assert new.why == ("3 new runs (seeds 0, 1, 2)",)
    assert (moved.kind, moved.method, moved.why) == ("moved", "herding", ("craig is new",))
    assert moved.old is not None
    assert moved.new is not None
    assert (moved.old.rank, moved.new.rank) == ("2", "3")


def test_row_that_is_gone_and_runs_that_are_new_are_named_by_seed(make_record: MakeRecord) -> None:
    old = [make_record("vldd", 30.0), make_record("herding", 14.0)]
    (group,) = difference(old, several(make_record, "vldd", 30.0)).groups
    assert [(change.kind, change.method, change.why) for change in group.changes] == [
        ("changed", "vldd", ("2 new runs (seeds 1, 2)",)),
        ("gone", "herding", ("1 run gone (seed 0)",)),
    ]


def test_other_scores_of_the_same_seed_are_told_with_the_versions_that_differ(make_record: MakeRecord) -> None:
    old = make_record("vldd", 30.0, environment={"versions": {"torch": "2", "numpy": "1"}})
    new = old | {"scores": {"convnet": scores(31.0)}, "environment": {"versions": {"torch": "3", "numpy": "1"}}}
    (group,) = difference([old], [new]).groups
    assert group.changes[0].why == ("seed 0 scored anew (torch 2 -> 3)",)
    assert "30.0 -> 31.0" in render_difference(difference([old], [new]))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"protocol_hash": "f" * 16}, "the protocol is ffffffff here and 01234567 there"),
        ({"protocol_hash": "f" * 16, "overrides": {"training.seeds": "1"}}, "training.seeds 1 and as its file"),
        ({"data_fingerprint": "e"}, "the data e and d"),
    ],
)
def test_other_protocol_or_data_is_no_comparison_and_the_field_is_named(
    make_record: MakeRecord, change: dict[str, Any], named: str
) -> None:
    found = difference([make_record("vldd", 30.0)], [make_record("vldd", 40.0, **change)])
    kinds = [[row.kind for row in group.changes] for group in found.groups]
    assert kinds == [["new"], ["gone"]]
    assert named in found.groups[0].notes[0]


def test_command_compares_two_folders(make_record: MakeRecord, tmp_path: Path) -> None:
    write_record(tmp_path / "old" / "a", make_record("vldd", 30.0))
    write_record(tmp_path / "new" / "a", make_record("vldd", 31.0))
    words = ["leaderboard", "diff", str(tmp_path / "old"), str(tmp_path / "new")]
    text = CliRunner().invoke(main, words)
    assert text.exit_code == 0, text.output
    assert "30.0 -> 31.0  seed 0 scored anew" in text.output
    found = json.loads(CliRunner().invoke(main, [*words, "--format", "json"]).output)
    assert found["groups"][0]["changes"][0]["new"]["mean"] == 31.0


def test_folder_called_diff_is_still_a_folder(
    make_record: MakeRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_record(tmp_path / "diff" / "a", make_record("vldd", 30.0))
    monkeypatch.chdir(tmp_path)
    assert "vldd" in CliRunner().invoke(main, ["leaderboard", "./diff"]).output
    assert "vldd" in CliRunner().invoke(main, ["leaderboard", "--format", "csv", "diff"]).output
    assert "OLD" in CliRunner().invoke(main, ["leaderboard", "diff"]).output

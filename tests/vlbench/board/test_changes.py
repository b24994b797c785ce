"""What changed between two boards, told with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vlbench.board.changes import BoardChanges, board_changes
from vlbench.board.leaderboard import build_table
from vlbench.board.render_changes import render_changes
from vlbench.cli.main import main
from vlbench.records.record import FoundRecord, write_record

from ..conftest import MakeRecord

Records = list[FoundRecord]


def several(make_record: MakeRecord, method: str, recall: float, **more: Any) -> Records:
    return [make_record(method, recall + seed / 10, seed=seed, **more) for seed in range(3)]


def changes(old: Records, new: Records) -> BoardChanges:
    return board_changes(build_table(old), build_table(new))


def test_same_records_in_another_order_are_no_change(make_record: MakeRecord) -> None:
    records = several(make_record, "vldd", 30.0) + several(make_record, "herding", 14.0)
    assert changes(records, records[::-1]) == BoardChanges((), 2)
    assert "Nothing changed" in render_changes(changes(records, records))


def test_new_row_is_told_and_so_is_whom_it_moved(make_record: MakeRecord) -> None:
    old = several(make_record, "vldd", 30.0) + several(make_record, "herding", 14.0)
    (group,) = changes(old, old + several(make_record, "craig", 22.0)).groups
    new, moved = group.changes
    assert (new.kind, new.method, new.old) == ("new", "craig", None)
    assert new.why == ("3 new runs (seeds 0, 1, 2)",)
    assert (moved.kind, moved.method, moved.why) == ("moved", "herding", ("craig is new",))
    assert moved.old is not None
    assert moved.new is not None
    assert (moved.old.rank, moved.new.rank) == ("2", "3")


def test_row_that_is_gone_and_runs_that_are_new_are_named_by_seed(make_record: MakeRecord) -> None:
    old = [make_record("vldd", 30.0), make_record("herding", 14.0)]
    (group,) = changes(old, several(make_record, "vldd", 30.0)).groups
    assert [(change.kind, change.method, change.why) for change in group.changes] == [
        ("changed", "vldd", ("2 new runs (seeds 1, 2)",)),
        ("gone", "herding", ("1 run gone (seed 0)",)),
    ]


def test_other_scores_of_the_same_seed_are_told_with_the_versions_that_differ(make_record: MakeRecord) -> None:
    old = make_record("vldd", 30.0, environment={"versions": {"torch": "2", "numpy": "1"}})
    new = make_record("vldd", 31.0, environment={"versions": {"torch": "3", "numpy": "1"}})
    (group,) = changes([old], [new]).groups
    assert group.changes[0].why == ("seed 0 scored anew (torch 2 -> 3)",)
    assert "30.0 -> 31.0" in render_changes(changes([old], [new]))


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
    found = changes([make_record("vldd", 30.0)], [make_record("vldd", 40.0, **change)])
    kinds = [[row.kind for row in group.changes] for group in found.groups]
    assert kinds == [["new"], ["gone"]]
    assert named in found.groups[0].notes[0]


def test_command_compares_two_folders(make_record: MakeRecord, tmp_path: Path) -> None:
    write_record(tmp_path / "old" / "a", make_record("vldd", 30.0))
    write_record(tmp_path / "new" / "a", make_record("vldd", 31.0))
    words = ["diff", str(tmp_path / "old"), str(tmp_path / "new")]
    text = CliRunner().invoke(main, words)
    assert text.exit_code == 0, text.output
    assert "30.0 -> 31.0  seed 0 scored anew" in text.output
    found = json.loads(CliRunner().invoke(main, [*words, "--json"]).output)
    assert found["groups"][0]["changes"][0]["new"]["mean"] == 31.0

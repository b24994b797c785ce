"""Intervals, ranks with ties, and which rows have none, through the table."""

from __future__ import annotations

from typing import Any

import pytest

from vlbench.board.leaderboard import build_table
from vlbench.board.render_text import render_text
from vlbench.board.table import Group, Row
from vlbench.records.record import FoundRecord

from ...conftest import MakeRecord


def group(records: list[FoundRecord]) -> Group:
    (found,) = build_table(records).groups
    return found


def test_interval_of_seeds_alone_is_that_of_students_t(make_record: MakeRecord) -> None:
    from scipy import stats

    means = [28.0, 31.5, 30.1, 29.7]
    (row,) = group([make_record("vldd", value, seed=seed) for seed, value in enumerate(means)]).ranked
    expected = stats.t.interval(0.95, 3, loc=sum(means) / 4, scale=stats.sem(means))
    assert row.interval == pytest.approx(expected)
    assert row.scores["TR@1"].interval == pytest.approx(expected)


def test_rows_that_overlap_share_places_and_a_clear_one_stands_alone(make_record: MakeRecord) -> None:
    means = {"clear": (49, 50, 51), "one": (30, 31, 32), "other": (30.2, 31, 32.4), "last": (5, 5.5, 6)}
    records = [make_record(name, value, seed=seed) for name, of in means.items() for seed, value in enumerate(of)]
    found = group(records)
    assert {row.method: row.rank for row in found.ranked} == {"clear": "1", "one": "2-3", "other": "2-3", "last": "4"}
    assert found.ranked[0].method == "clear"
    told = {(found.ranked[of.first].method, found.ranked[of.second].method): of for of in found.differences}
    assert len(told) == 6
    assert told["clear", "last"].p < 0.05 < told["other", "one"].p
    assert told["clear", "last"].interval[0] < told["clear", "last"].points == 44.5 < told["clear", "last"].interval[1]
    assert found.resolution is not None
    assert 0.5 < found.resolution < 25
    text = render_text(build_table(records))
    assert "2-3" in text
    assert f"told apart here: {found.resolution:.1f} points" in text


def lonely(make_record: MakeRecord, **more: Any) -> Row:
    full_row = [make_record("other", 20.0 + seed, seed=seed) for seed in range(3)]
    return next(row for row in group([*full_row, make_record("vldd", 30.0, **more)]).ranked if row.method == "vldd")


def test_one_run_is_provisional_and_has_neither_rank_nor_interval(make_record: MakeRecord) -> None:
    row = lonely(make_record)
    assert (row.provisional, row.rank, row.interval) == (True, "", None)


def test_one_run_of_a_deterministic_method_is_ranked_by_its_students(make_record: MakeRecord) -> None:
    from scipy import stats

    row = lonely(make_record, deterministic=True)
    assert (row.provisional, row.rank) == (False, "1")
    assert row.interval == pytest.approx(stats.t.interval(0.95, 4, loc=30, scale=5**-0.5))


def test_too_few_student_seeds_make_a_row_provisional(make_record: MakeRecord) -> None:
    records = [make_record("vldd", 30.0 + seed, seed=seed) for seed in range(3)]
    del records[1].scores["convnet"].mean_recall.seeds[4:]
    (row,) = group(records).ranked
    assert (row.provisional, row.rank, row.seeds) == (True, "", 4)
    assert row.interval is not None


def test_provisional_row_stands_behind_the_ranked_ones_however_high_it_scores(make_record: MakeRecord) -> None:
    records = [make_record("low", 10.0 + seed, seed=seed) for seed in range(3)]
    found = group([*records, make_record("high", 90.0)])
    assert [(row.method, row.rank) for row in found.ranked] == [("low", "1"), ("high", "")]
    assert "prov. high" in render_text(build_table([*records, make_record("high", 90.0)]))


def test_rows_off_protocol_are_shown_apart_and_never_ranked(make_record: MakeRecord) -> None:
    records = [
        make_record("vldd", 30.0 + seed, seed=seed, overrides={"training.steps": "10"}, protocol_hash="f")
        for seed in range(3)
    ]
    found = group(records)
    assert [row.rank for row in found.ranked] == [""]
    assert found.resolution is None
    assert "Off protocol (training.steps=10): never ranked." in render_text(build_table(records))


def test_rows_on_a_mock_are_shown_apart_and_never_ranked(make_record: MakeRecord) -> None:
    real = [make_record("vldd", 30.0 + seed, seed=seed) for seed in range(3)]
    mock = [make_record("vldd", 90.0 + seed, seed=seed, data_fingerprint="m", mock=True) for seed in range(3)]
    groups = build_table([*real, *mock]).groups
    assert [[row.rank for row in one.ranked] for one in groups] == [["1"], [""]]
    assert "A stand-in for the data (vlbench data mock): never ranked." in render_text(build_table(mock))


def test_baselines_have_intervals_but_no_rank(make_record: MakeRecord) -> None:
    records = [make_record("random", 10.0 + seed, seed=seed, baseline=True) for seed in range(3)]
    (row,) = group(records).baselines
    assert row.rank == ""
    assert row.interval is not None

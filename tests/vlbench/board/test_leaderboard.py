"""The table is a pure function of records."""

from __future__ import annotations

import csv
import io
import json
import random

import pytest

from vlbench.board.leaderboard import build_table
from vlbench.board.render_csv import render_csv
from vlbench.board.render_json import render_json
from vlbench.board.render_markdown import render_markdown
from vlbench.board.render_text import render_text
from vlbench.board.table import Table
from vlbench.records.record import Summary
from vlbench.records.summary import sample_sd, summarise

from ..conftest import MakeRecord


@pytest.fixture
def table(make_record: MakeRecord) -> Table:
    return build_table(
        [
            make_record("random", 10.0, baseline=True),
            make_record("mean-caption", 20.0, baseline=True),
            make_record("full", 50.0, budget="full", baseline=True),
            make_record("chance", 0.5, budget="chance", baseline=True),
            *[make_record("herding", 13.5 + seed / 2, seed=seed) for seed in range(3)],
            *[make_record("vldd", 29.0 + seed, seed=seed) for seed in range(3)],
        ]
    )


def test_ranked_rows_come_best_first_and_the_others_are_set_apart(table: Table) -> None:
    (group,) = table.groups
    assert [row.method for row in group.ranked] == ["vldd", "herding"]
    assert [row.method for row in group.baselines] == ["full", "mean-caption", "random", "chance"]
    assert group.columns == ("TR@1", "TR@5", "TR@10", "IR@1", "IR@5", "IR@10", "mean")


def test_recovered_is_measured_between_random_and_full(table: Table) -> None:
    (group,) = table.groups
    recovered = {row.method: row.recovered for row in (*group.ranked, *group.baselines)}
    assert recovered == {
        "vldd": 0.5, "herding": 0.1, "full": 1.0, "mean-caption": 0.25, "random": 0.0, "chance": None
    }  # fmt: skip


def test_recovered_is_left_out_where_full_data_is_missing(make_record: MakeRecord) -> None:
    (group,) = build_table([make_record("random", 10.0), make_record("vldd", 30.0)]).groups
    assert all(row.recovered is None for row in group.ranked)


def test_runs_that_differ_in_their_seed_only_are_one_row(make_record: MakeRecord) -> None:
    (group,) = build_table([make_record("vldd", 30.0 + seed, seed=seed) for seed in range(3)]).groups
    (row,) = group.ranked
    assert (row.runs, row.seeds) == (3, 5)
    assert (row.scores["mean"].mean, row.scores["mean"].sd, row.scores["mean"].count) == (31.0, 1.0, 3)


def test_other_options_are_another_row_told_apart_by_what_differs(make_record: MakeRecord) -> None:
    records = [
        make_record("vldd", 30.0, options={"learn": "both", "rate": 1}),
        make_record("vldd", 20.0, options={"learn": "text", "rate": 1}),
    ]
    (group,) = build_table(records).groups
    assert [dict(row.options) for row in group.ranked] == [{"learn": "both"}, {"learn": "text"}]


@pytest.mark.parametrize("field", ["suite", "protocol_hash", "data_fingerprint", "budget"])
def test_what_may_not_be_compared_stands_in_another_group(make_record: MakeRecord, field: str) -> None:
    table = build_table([make_record("vldd", 30.0), make_record("vldd", 20.0, **{field: "200"})])
    assert len(table.groups) == 2


def test_other_encoders_under_one_name_are_not_compared(make_record: MakeRecord) -> None:
    one, other = ({"convnet": {"image": f"weights {name}"}} for name in "ab")
    records = [make_record("vldd", 30.0, encoders=one), make_record("random", 20.0, encoders=one)]
    records += [make_record("vldd", 40.0, encoders=other), make_record("chance", 0.5, budget="chance")]
    groups = build_table(records).groups
    assert sorted(sorted(row.method for row in (*g.ranked, *g.baselines)) for g in groups) == [
        ["chance", "random", "vldd"], ["chance", "vldd"]
    ]  # fmt: skip
    assert all(f"with encoders {group.encoders}" in render_text(Table((group,))) for group in groups)
    assert build_table(records[:2]).groups[0].encoders == ""


def test_budgets_of_pairs_stand_before_those_of_bytes(make_record: MakeRecord) -> None:
    records = [make_record("vldd", 30.0, budget=budget) for budget in ("1MB", "500", "900kB", "100")]
    assert [group.budget_name for group in build_table(records).groups] == ["100", "500", "900kB", "1MB"]


def test_full_data_and_chance_stand_in_every_budget(make_record: MakeRecord) -> None:
    records = [make_record("vldd", 30.0, budget=budget) for budget in ("500", "100")]
    table = build_table([*records, make_record("full", 50.0, budget="full")])
    assert [group.budget_name for group in table.groups] == ["100", "500"]
    assert all(group.baselines[0].method == "full" for group in table.groups)


def test_run_that_did_not_finish_is_shown_without_numbers(make_record: MakeRecord) -> None:
    bad = make_record("forgetting", 0.0, status="diverged", scores={}, message="loss is not finite")
    table = build_table([make_record("vldd", 30.0), bad])
    assert [row.status for row in table.groups[0].ranked] == ["finished", "diverged"]
    assert "loss is not finite" in render_text(table)
    assert build_table([bad]).groups[0].ranked[0].method == "forgetting"


def test_failure_of_a_run_that_finished_later_is_forgotten(make_record: MakeRecord) -> None:
    bad = make_record("vldd", 0.0, status="failed", scores={}, created="2001")
    (group,) = build_table([bad, make_record("vldd", 30.0)]).groups
    assert [row.status for row in group.ranked] == ["finished"]


def test_order_of_records_changes_nothing(make_record: MakeRecord) -> None:
    records = [make_record(name, 10.0, seed=seed) for name in ("a", "b", "c") for seed in range(3)]
    expected = render_json(build_table(records))
    random.Random(0).shuffle(records)
    assert render_json(build_table(records)) == expected


def test_text_fits_eighty_columns_and_is_plain(table: Table) -> None:
    text = render_text(table, width=80)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    for part in (
        "mean-caption",
        "±2.5",  # t(0.975, 2) x 1 / sqrt(3)
        "(1.0)",
        "50%",
        "6.1 MB",
        "6.0 s",
        "5 student seeds",
        "Provisional",
        "(row - random) / (full - random)",
    ):
        assert part in text
    assert "\x1b" in render_text(table, styled=True)


def test_empty_table_says_how_to_start() -> None:
    assert "vlbench run" in render_text(build_table([]))
    assert "vlbench run" in render_markdown(build_table([]))


def test_markdown_has_one_line_per_row(table: Table) -> None:
    lines = [line for line in render_markdown(table).splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 6
    assert lines[2].startswith("| 1 | **vldd (3 runs)** |")
    assert len({line.count("|") for line in lines}) == 1


def test_csv_has_one_line_per_row_with_means_and_spreads(table: Table) -> None:
    rows = list(csv.DictReader(io.StringIO(render_csv(table))))
    assert [row["method"] for row in rows] == ["vldd", "herding", "full", "mean-caption", "random", "chance"]
    assert (rows[0]["mean"], rows[0]["recovered"], rows[0]["budget"]) == ("30.0", "0.5", "100")
    assert float(rows[0]["TR@1 sd"]) == pytest.approx(1)
    assert [row["rank"] for row in rows] == ["1", "2", "", "", "", ""]
    assert [row["provisional"] for row in rows] == ["false", "false", "false", "true", "true", "false"]
    assert float(rows[0]["mean high"]) - 30 == pytest.approx(30 - float(rows[0]["mean low"]))


def test_json_has_the_fields_of_the_table(table: Table) -> None:
    loaded = json.loads(render_json(table))
    assert loaded["groups"][0]["ranked"][0]["scores"]["mean"]["mean"] == 30.0


def test_spread_is_the_sample_standard_deviation() -> None:
    assert sample_sd([1.0, 2.0, 3.0]) == 1.0
    assert sample_sd([5.0]) == 0.0
    assert summarise([1.0, 3.0]) == Summary(mean=2.0, sd=2**0.5, seeds=[1.0, 3.0])


def test_a_row_shows_the_options_in_which_it_differs_from_most_of_its_method(make_record: MakeRecord) -> None:
    usual = {"preset": "default", "pixels": "frequency"}
    asked = [usual, {**usual, "preset": "paper"}, {**usual, "pixels": "free"}]
    records = [make_record("vldd", 50.0 + at, options=options) for at, options in enumerate(asked)]
    (group,) = build_table(records).groups
    assert [dict(row.options) for row in group.rows] == [{"pixels": "free"}, {"preset": "paper"}, {}]
    (two,) = build_table(records[:2]).groups
    assert [dict(row.options) for row in two.rows] == [{"preset": "paper"}, {"preset": "default"}]


def test_a_row_that_leaves_an_option_to_its_method_shows_none(make_record: MakeRecord) -> None:
    given: list[dict[str, object]] = [{"steps": None}, {"steps": 800}, {"steps": 800}]
    given = [{**options, "length": length} for options, length in zip(given, (4, 4, 8), strict=True)]
    (group,) = build_table([make_record("vldd", 60.0 + at, options=one) for at, one in enumerate(given)]).groups
    assert [row.options for row in group.rows] == [{"steps": 800, "length": 8}, {"steps": 800}, {}]

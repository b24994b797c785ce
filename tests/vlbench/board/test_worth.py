"""Rows say what they are worth in real pairs, and when condensing them has paid."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pytest

from vlbench.board.leaderboard import build_table
from vlbench.board.render_csv import render_csv
from vlbench.board.render_json import render_json
from vlbench.board.render_markdown import render_markdown
from vlbench.board.render_text import render_text
from vlbench.board.table import Row, Table
from vlbench.board.worth import with_worth
from vlbench.records.curve import Curve

from ..conftest import MakeRecord

CURVE = Curve((10, 100, 1000, 10_000), ((5.0,) * 3, (10.0,) * 3, (30.0,) * 3, (50.0,) * 3), (2.0, 4.0, 8.0, 16.0))


def cost(condense_s: float, train_s: float) -> dict[str, float]:
    return {"pairs": 100, "bytes": 1000, "condense_s": condense_s, "train_s": train_s, "score_s": 1.0}


@pytest.fixture
def records(make_record: MakeRecord) -> Iterator[list]:
    full = make_record("full", 50.0, budget="full", baseline=True, cost=cost(0.0, 20.0))
    made = [make_record("vldd", 20.0, seed=seed, cost=cost(30.0, 5.0), options={}) for seed in range(3)]
    slow = [make_record("slow", 60.0, seed=seed, cost=cost(30.0, 25.0)) for seed in range(3)]
    return [full, *made, *slow]


def rows(table: Table) -> dict[str, Row]:
    return {row.method: row for group in table.groups for row in group.rows}


def test_a_score_between_two_sizes_is_worth_pairs_between_them(records):
    worth = rows(with_worth(build_table(records), lambda *_: CURVE))["vldd"].worth
    assert worth.pairs == pytest.approx(100 * 10**0.5)
    assert worth.interval[0] <= worth.pairs <= worth.interval[1]
    assert worth.outside == ""


def test_break_even_is_the_first_training_at_which_seconds_were_saved(records):
    found = rows(with_worth(build_table(records), lambda *_: CURVE))
    # Against all data 15 s are saved in a training, against 316 pairs (6 s) one second.
    assert found["vldd"].break_even == {"full": 2, "real": 30}
    assert found["slow"].break_even == {"full": None, "real": None}
    assert found["slow"].worth.outside == ">"
    assert found["full"].break_even == {}


def test_every_form_of_the_board_has_worth(records):
    table = with_worth(build_table(records), lambda *_: CURVE)
    assert " 316 " in render_text(table)
    assert max(map(len, render_text(table).splitlines())) <= 80
    assert "| 316 316-316 |" in render_markdown(table)
    lines = {line["method"]: line for line in csv.DictReader(io.StringIO(render_csv(table)))}
    assert (lines["vldd"]["pays against full"], lines["slow"]["pays against full"]) == ("2", "never")
    (group,) = json.loads(render_json(table))["groups"]
    by_name = {row["method"]: row for row in group["ranked"]}
    assert by_name["vldd"]["worth"]["pairs"] == pytest.approx(316.2, abs=0.1)
    assert by_name["slow"]["break_even"] == {"full": None, "real": None}


def test_without_a_curve_a_line_says_which_command_makes_it(records):
    text = render_text(with_worth(build_table(records), lambda *_: None))
    assert "vlbench curve toy" in text.replace("\n", " ")
    assert "worth =" not in text
    assert rows(with_worth(build_table(records), lambda *_: None))["vldd"].break_even == {"full": 2}


def test_rows_off_protocol_have_no_worth(make_record: MakeRecord):
    table = with_worth(build_table([make_record("vldd", 20.0, overrides={"a": "1"})]), lambda *_: CURVE)
    assert rows(table)["vldd"].worth is None


def test_the_board_says_how_many_settings_were_compared_for_the_defaults(make_record: MakeRecord):
    records = [make_record("vldd", 20.0, tries=20), make_record("herding", 10.0), make_record("lors", 9.0, tries=3)]
    text = " ".join(render_text(build_table(records)).split())
    assert "compared before the defaults were chosen: vldd 20, lors 3." in text
    assert "compared before" not in render_text(build_table(records[1:2]))

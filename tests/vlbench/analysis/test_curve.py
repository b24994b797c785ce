"""What a score is worth in random real pairs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

import vlbench
from vlbench.analysis.curve import sizes_up_to
from vlbench.cli.main import main
from vlbench.records.curve import Curve
from vlbench.registry.loader import load_registry

QUICK = {"rows.always": "[]", "rows.full": "false", "training.seeds": "2"}


def test_worth_lies_on_the_line_between_sizes_on_a_log_scale():
    curve = Curve((10, 100, 1000), ((10.0,), (20.0,), (40.0,)))
    assert [round(curve.worth(score), 6) for score in (10, 20, 30, 40)] == [10, 100, pytest.approx(100 * 10**0.5), 1000]


def test_a_score_outside_of_the_curve_is_worth_its_ends():
    curve = Curve((10, 1000), ((10.0,), (40.0,)))
    assert (round(curve.worth(5), 6), round(curve.worth(90), 6)) == (10, 1000)


def test_a_dip_of_the_curve_does_not_make_worth_fall():
    curve = Curve((10, 100, 200, 1000), ((10.0,), (21.0,), (19.0,), (40.0,)))
    found = [curve.worth(score / 2) for score in range(20, 81)]
    assert found == sorted(found)


def test_the_interval_holds_the_estimate_and_shrinks_with_less_spread():
    sizes, tight, wide = (10, 100, 1000), [], []
    for spread, into in ((0.2, tight), (3.0, wide)):
        scores = tuple((mean - spread, mean, mean + spread) for mean in (10.0, 20.0, 40.0))
        curve = Curve(sizes, scores)
        low, high = curve.interval([30 - spread, 30, 30 + spread])
        assert low <= curve.worth(30) <= high
        into.append(high / low)
    assert tight[0] < wide[0]


def test_sizes_rise_evenly_to_all_pairs():
    sizes = sizes_up_to(29_000)
    assert (len(sizes), sizes[0], sizes[-1]) == (20, 10, 29_000)
    assert sizes_up_to(6) == (6,)


def test_the_command_draws_the_curve_and_says_what_runs_are_worth(tmp_path: Path):
    suite = tmp_path / "tiny.toml"
    text = load_registry().get("suite", "scenes-mini").read_text()
    grid = text.index("grid = [")
    suite.write_text(
        text[:grid]
        + "grid = [ { steps = 20, batch = 50, learning_rate = 0.1 } ]\n\n[rows]\nalways = []\nfull = false\n"
    )
    vlbench.run(method="random", budget=40, suite=str(suite), out=tmp_path / "runs")
    words = ["curve", str(suite), "--sizes", "3", "--seeds", "2", "--runs", str(tmp_path / "runs"), "--json"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert [row["pairs"] for row in told["curve"]] == [10, 77, 600]
    assert told["curve"][-1]["mean"] > told["curve"][0]["mean"]
    (worth,) = (row for row in told["runs"] if row["method"] == "random")
    assert worth["interval"][0] <= worth["worth"] <= worth["interval"][1]
    again = CliRunner().invoke(main, words)
    assert json.loads(again.stdout) == told
    board = CliRunner().invoke(main, ["leaderboard", str(tmp_path / "runs"), "--format", "json"])
    (group,) = json.loads(board.stdout)["groups"]
    (row,) = (row for row in group["ranked"] if row["method"] == "random")
    assert row["worth"]["pairs"] == pytest.approx(worth["worth"])
    assert row["worth"]["interval"] == pytest.approx(worth["interval"])
    assert set(row["break_even"]) == {"real"}

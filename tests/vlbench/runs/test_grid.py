"""The jobs of a command as others see them: planned, in progress, failed, finished."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vlbench.cli.main import main
from vlbench.progress import SilentObserver, about_text
from vlbench.runs.heartbeat import FILE_NAME, Beating
from vlbench.runs.status import status_of

Suite = tuple[str, str]


@pytest.fixture
def invoke(toy_suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "cache"))
    suite, plugin = toy_suite

    def run(*words: str, method: str = "random,k-center") -> Result:
        asked = ["--method", method, "--budget", "5", "--suite", suite, "--out", str(tmp_path / "runs")]
        return CliRunner().invoke(main, ["--plugin", plugin, "run", *asked, *words])

    return run


def states(out: Path) -> dict[str, str]:
    return {row.name: row.state for row in status_of(out)}


def test_a_plan_makes_nothing_and_later_knows_what_is_finished_and_how_long(invoke, tmp_path: Path) -> None:
    first = invoke("--plan")
    assert first.exit_code == 0, first.output
    assert "Plan: 2 requested rows on toys." in first.stdout
    assert "No row was timed before: a few steps of each student were timed now." in first.stdout
    assert not list(tmp_path.glob("runs/*/record.json"))
    done = invoke(method="random")
    assert done.exit_code == 0, done.output
    rows = json.loads(invoke("--plan", "--json").stdout)["rows"]
    assert [row["state"] for row in rows] == ["finished", "to make"]
    assert rows[0]["seconds"] == 0
    assert rows[1]["seconds"] > 0  # its students take as long as those of the finished row
    assert not rows[1]["seconds_complete"]
    assert rows[0]["artifact_bytes"] > 0


def test_a_plan_lists_what_rows_share_what_of_it_is_cached_and_a_price(invoke, tmp_path: Path) -> None:
    def shared() -> dict[str, dict[str, object]]:
        return {one["what"]: one for one in json.loads(invoke("--plan", "--json").stdout)["shared"]}

    before = shared()
    image = before["train features of small, image"]
    assert image["state"] == "to make"
    assert image["seconds"] > 0
    assert not list(tmp_path.glob("cache/features/*"))
    assert invoke("--set", "training.seeds=1", method="k-center").exit_code == 0
    after = shared()
    assert {one["state"] for one in after.values()} == {"cached"}
    largest = max(file.stat().st_size for file in tmp_path.glob("cache/features/*/data.safetensors"))
    assert 0 < largest - max(one["bytes"] for name, one in after.items() if "features" in name) < 1000  # its header
    assert "warm-up: 1 of this dataset" in after.keys() - before.keys()
    plan = json.loads(invoke("--plan", "--json", "--price", "3600").stdout)
    assert plan["cost"] == pytest.approx(plan["seconds"])
    assert "At 3600 an hour" in invoke("--plan", "--price", "3600").stdout
    refused = invoke("--price", "1")
    assert (refused.exit_code, "--price is for --plan" in refused.output) == (2, True)


def test_a_plan_tells_the_size_of_a_row_from_rows_at_other_budgets(invoke) -> None:
    assert invoke(method="random").exit_code == 0
    rows = json.loads(invoke("--plan", "--json", "--budget", "10,300B", method="random").stdout)["rows"]
    made, *sizes = (row["artifact_bytes"] for row in rows)
    assert made > 0
    assert sizes == [2 * made, 300]


def test_a_plan_says_where_the_weights_of_an_encoder_are_not_here(invoke) -> None:
    options = "{ model = 'resnet18', weights = 'pretrained' }"
    words = ("--set", 'students.small.image.encoder="timm"', "--set", f"students.small.image.options={options}")
    planned = invoke("--plan", *words)
    assert planned.exit_code == 0, planned.output
    assert "How long is not known yet" in planned.stdout
    assert re.search(r"^features of small, image +weights not here$", planned.stdout, re.MULTILINE)


def test_a_printed_command_makes_its_row_anywhere_and_status_follows(invoke, tmp_path: Path) -> None:
    printed = invoke("--print-commands").stdout.splitlines()
    assert len(printed) == 2
    assert states(tmp_path / "runs") == {"random at budget 5": "waiting", "k-center at budget 5": "waiting"}
    words = shlex.split(printed[0], comments=True)
    environment = {name: value for name, value in os.environ.items() if name != "VLBENCH_CACHE"}
    subprocess.run(words, check=True, cwd="/", env=environment, capture_output=True)
    assert states(tmp_path / "runs") == {"random at budget 5": "finished", "k-center at budget 5": "waiting"}
    assert len(invoke("--print-commands").stdout.splitlines()) == 1
    shown = CliRunner().invoke(main, ["status", str(tmp_path / "runs")])
    assert "1 finished, 1 waiting" in shown.stdout
    assert "k-center at budget 5" in shown.stdout


def test_a_row_that_runs_says_its_phase_and_one_that_fell_silent_is_not_running(tmp_path: Path) -> None:
    beating = Beating(SilentObserver())
    with beating.row(tmp_path / "a", "vldd at budget 5"):
        beating.phase("matching", 100)
        beating.advance(25)
        (row,) = status_of(tmp_path)
        assert row.state == "running"
        assert row.detail.startswith("matching 0/100, on ")  # as of the phase's beginning: written every few seconds
        old = time.time() - 3600
        os.utime(tmp_path / "a" / FILE_NAME, (old, old))
        (row,) = status_of(tmp_path)
        assert (row.state, row.detail[:19]) == ("stopped", "no sign for 60 min,")
    assert not (tmp_path / "a" / FILE_NAME).exists()


def test_a_row_runs_whatever_the_clock_of_the_machine_that_asks(tmp_path: Path, monkeypatch) -> None:
    now, beating = time.time(), Beating(SilentObserver())
    with beating.row(tmp_path / "a", "vldd at budget 5"):
        monkeypatch.setattr("vlbench.runs.status.time.time", lambda: now + 3600)
        (row,) = status_of(tmp_path)
        assert row.state == "running"
    assert not [path for path in tmp_path.iterdir() if path.name != "a"]


def test_a_worker_names_a_row_or_a_file_that_does_not_exist(invoke, tmp_path: Path) -> None:
    words = shlex.split(invoke("--print-commands").stdout.splitlines()[0], comments=True)
    for changed, text in (([*words[:-1], "7"], "row 7 does not exist"), ([*words[:3], "no.json", "0"], "'no.json'")):
        ended = subprocess.run(changed, capture_output=True, text=True, cwd=tmp_path)
        assert ended.returncode == 2
        assert text in ended.stderr
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "1 s"), (20, "20 s"), (240, "4 min"), (7800, "2 h 10 min"), (260000, "3 days")]
)
def test_a_guessed_duration_has_no_more_digits_than_it_deserves(seconds: float, text: str) -> None:
    assert about_text(seconds) == text


def test_a_run_begins_with_its_plan_and_says_after_each_row_what_is_left(invoke) -> None:
    said = invoke().stderr.splitlines()
    assert "Plan: 2 requested rows on toys." in said
    assert any(line.startswith("1 of 2 rows") for line in said)
    assert "features: image of train, 60 items" in said  # which may take long

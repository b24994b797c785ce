"""One artifact under several students: ``--students``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import vlbench.cli.main

QUICK = ("--set", "rows.always=[]", "--set", "rows.full=false", "--suite", "scenes-mini", "--budget", "20")


def invoke(*words: object) -> Result:
    return CliRunner().invoke(vlbench.cli.main.main, [str(word) for word in words])


def run(out: Path, *words: object) -> dict[str, Any]:
    result = invoke("run", "--method", "mean-caption", *QUICK, "--out", out, "--json", *words)
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.stdout)
    return record


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("students")


def test_more_students_score_the_same_artifact_and_leave_its_scores_alone(out: Path) -> None:
    alone = run(out)
    both = run(out, "--students", "convnet-b, vit")
    assert both["id"] == alone["id"], "no method sees them, so they are no part of what was asked"
    assert list(both["scores"]) == ["convnet", "convnet-b", "vit"]
    assert both["scores"]["convnet"] == alone["scores"]["convnet"]
    assert both["reference"] == "convnet"
    values = {name: scores["mean_recall"]["mean"] for name, scores in both["scores"].items()}
    assert len(set(values.values())) == 3
    assert run(out, "--students", "vit")["scores"] == both["scores"], "nothing already scored is lost"
    again = run(out / "fresh", "--students", "convnet-b,vit")
    assert again["scores"] == both["scores"]
    assert "--students" in again["command"]


def test_a_distilled_row_gains_students_one_by_one_with_its_start_and_is_verified(tmp_path: Path) -> None:
    words = ("run", "--method", "vldd", "-o", "experts=1", "-o", "outer_steps=2", *QUICK, "--out", tmp_path, "--json")
    for student in ("convnet-b", "vit"):
        result = invoke(*words, "--students", student)
        assert result.exit_code == 0, result.output
    (record,) = json.loads(result.stdout)
    assert set(record["scores"]) == set(record["start"]["scores"]) == {"convnet", "convnet-b", "vit"}
    assert invoke("submit", tmp_path / record["id"], "--out", tmp_path / "claim.zip").exit_code == 0
    verified = invoke("verify", tmp_path / "claim.zip")
    assert verified.exit_code == 0, verified.output


def test_a_saved_artifact_is_scored_with_further_students(out: Path) -> None:
    record = run(out, "--students", "convnet-b")
    scored = invoke("score", out / record["id"], "--students", "convnet-b", "--json")
    assert scored.exit_code == 0, scored.output
    assert json.loads(scored.stdout)["scores"] == {name: record["scores"][name] for name in ("convnet", "convnet-b")}


def test_the_board_shows_what_a_row_has_at_home(out: Path) -> None:
    home = run(out, "--students", "convnet-b")["scores"]["convnet"]["mean_recall"]["mean"]
    board = invoke("leaderboard", out).stdout
    assert "student convnet-b" in board
    assert f"home {home:.1f}" in board
    assert "no method saw this one" in board
    groups = json.loads(invoke("leaderboard", out, "--format", "json").stdout)["groups"]
    of_student = {
        group["student"]: [row["home"] for row in group["ranked"] if row["method"] == "mean-caption"]
        for group in groups
    }
    assert of_student["convnet"] == [None]
    assert of_student["convnet-b"] == [pytest.approx(home)]


def test_a_claim_with_further_students_is_verified_with_them(out: Path, tmp_path: Path) -> None:
    record = run(out, "--students", "convnet-b,vit")
    bundle = tmp_path / "claim.zip"
    submitted = invoke("submit", out / record["id"], "--out", bundle)
    assert submitted.exit_code == 0, submitted.output
    verified = invoke("verify", bundle)
    assert verified.exit_code == 0, verified.output


def test_an_unknown_student_is_named_with_those_there_are() -> None:
    result = invoke("run", "--method", "random", *QUICK, "--students", "convnet-c")
    assert result.exit_code == 1
    assert "convnet-c" in result.stderr
    assert "Did you mean" in result.stderr

"""The command of a record, run again: what differs, and whether the scores hold."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from vlbench.records.evidence import read_evidence
from vlbench.runs.jobs import option_text

from .conftest import Claims
from .test_verify import invoke


def plugins(claims: Claims) -> tuple[object, ...]:
    return ("--plugin", claims.suite, "--plugin", claims.methods)


@pytest.mark.parametrize("form", ["folder", "bundle"])
def test_a_replay_gives_the_same_run_and_its_folder_gets_the_badge(claims: Claims, tmp_path: Path, form: str) -> None:
    run = Path(shutil.copytree(claims.selection, tmp_path / claims.selection.name))
    if form == "bundle":
        assert invoke("submit", run, "--out", tmp_path / "claim.zip").exit_code == 0
    source = run if form == "folder" else tmp_path / "claim.zip"
    result = invoke(*plugins(claims), "replay", source, "--out", tmp_path / "again")
    assert result.exit_code == 0, result.output
    for part in ("-o offset=3 -o 'weights=[0.25, 1.0]'", "Nothing differs", "28 of 28", "the same to the last byte"):
        assert part in " ".join(result.stdout.split())
    assert "level" not in result.stdout, "an option with its default value is not given"
    assert read_evidence(run).get("badge", "") == ("rebuilt" if form == "folder" else "")
    again = invoke(*plugins(claims), "replay", source, "--out", tmp_path / "again")
    assert again.exit_code == 1
    assert "give another --out" in again.stderr


def test_dry_run_shows_the_command_and_every_drift_and_makes_nothing(claims: Claims, tmp_path: Path) -> None:
    record = json.loads((claims.selection / "record.json").read_text())
    record["environment"]["versions"] |= {"torch": "0.0.1", "gone": "1.0"}
    record["plugins"].append({"name": "elsewhere", "version": "2.0", "status": "ok"})
    (tmp_path / "record.json").write_text(json.dumps(record))
    words = (*plugins(claims), "replay", tmp_path / "record.json", "--dry-run", "--out", tmp_path / "again", "--json")
    found = json.loads(invoke(*words).stdout)
    assert found["command"][:4] == ["vlbench", "run", "--method", "claims-first"]
    drifts = {drift["what"]: (drift["recorded"], drift["here"]) for drift in found["drift"]}
    assert drifts["torch"][0] == "0.0.1"
    assert drifts["gone"] == ("1.0", "-")
    assert drifts["plugin elsewhere"] == ("2.0", "-")
    assert not (tmp_path / "again").exists()


def test_a_method_that_is_not_here_is_told_with_the_plugin_it_came_from(claims: Claims) -> None:
    result = invoke("--plugin", claims.suite, "replay", claims.selection)
    assert result.exit_code == 1
    assert "no method called 'claims-first'" in result.stderr
    assert "plugin 'claims_methods', a file: give it, as in vlbench --plugin claims_methods.py" in result.stderr


def test_a_distribution_that_is_missing_is_told_with_its_version(claims: Claims, tmp_path: Path) -> None:
    record = json.loads((claims.selection / "record.json").read_text())
    record["plugins"].append({"name": "far", "distribution": "far-away", "version": "2.0", "status": "ok"})
    (tmp_path / "record.json").write_text(json.dumps(record))
    told = invoke("--plugin", claims.suite, "replay", tmp_path / "record.json").stderr
    assert "plugin 'far' of far-away 2.0: install it" in told


def test_scores_under_another_protocol_are_not_compared(claims: Claims, tmp_path: Path) -> None:
    other = tmp_path / "suite.toml"
    other.write_text(claims.suite.with_name("suite.toml").read_text().replace("steps = 15", "steps = 16"))
    words = (*plugins(claims), "replay", claims.selection, "--suite", other, "--out", tmp_path / "again")
    result = invoke(*words)
    assert result.exit_code == 1
    assert "protocol" in result.stdout
    assert "cannot be compared" in result.stderr
    assert invoke(*words, "--dry-run").exit_code == 1
    assert not (tmp_path / "again").exists()


def test_a_record_that_claims_more_than_the_run_gives_is_not_rebuilt(claims: Claims, tmp_path: Path) -> None:
    run = Path(shutil.copytree(claims.distilled, tmp_path / claims.distilled.name))
    record = json.loads((run / "record.json").read_text())
    record["scores"], record["start"]["scores"] = record["start"]["scores"], record["scores"]
    (run / "record.json").write_text(json.dumps(record))
    result = invoke(*plugins(claims), "replay", run, "--out", tmp_path / "again")
    assert result.exit_code == 1
    assert "DIFFERS" in result.stdout
    assert read_evidence(run)["badge"] == "self-reported"


@pytest.mark.parametrize(
    ("value", "text"), [(None, "none"), (True, "true"), (1.5, "1.5"), ([1, 2], "[1, 2]"), ({"a": 1}, '{"a": 1}')]
)
def test_an_option_is_written_as_the_command_line_takes_it(value: object, text: str) -> None:
    assert option_text(value) == text

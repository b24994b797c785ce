"""The workflow of docs/board.md does what it says: its steps are run here, on a real bundle and on a damaged one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import vlbench
from vlbench.records.evidence import PROVES

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "board.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def workflow() -> Any:
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load((DOCS / "board-workflow.yml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("claim")
    record = vlbench.run(method="herding", budget=20, suite="scenes-mini", out=folder / "runs", progress=False)
    return vlbench.board.submit(record.folder, folder / "claim.zip")


def step(workflow: Any, name: str, folder: Path) -> subprocess.CompletedProcess[str]:
    (text,) = (step["run"] for step in workflow["jobs"]["board"]["steps"] if step.get("name") == name)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    words = ["bash", "-e", "-c", text]
    return subprocess.run(words, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True)


def test_a_pull_request_can_write_nothing_and_runs_for_bundles_only(workflow: Any) -> None:
    on = workflow[True]  # YAML 1.1 reads the word "on" as true
    assert workflow["permissions"] == {"contents": "read"}
    assert on["pull_request"] == {"paths": ["submissions/*.zip"]}
    assert "pull_request_target" not in on
    assert workflow["jobs"]["publish"]["if"] == "github.event_name == 'push'"


def test_steps_verify_a_bundle_and_put_it_on_the_site(workflow: Any, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "submissions").mkdir()
    shutil.copy(bundle, tmp_path / "submissions" / "a claim; touch hacked.zip")
    verified = step(workflow, "Verify", tmp_path)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "Badge: re-evaluated" in verified.stdout
    made = step(workflow, "Site", tmp_path)
    assert made.returncode == 0, made.stderr
    (board,) = (tmp_path / "public").glob("scenes-mini-*.html")
    assert "re-evaluated" in board.read_text()
    assert list((tmp_path / "public" / "bundles").glob("herding-*.zip"))
    assert not (tmp_path / "hacked.zip").exists()


def test_a_damaged_bundle_fails_the_workflow(workflow: Any, bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "submissions").mkdir()
    content = bytearray(bundle.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "submissions" / "claim.zip").write_bytes(content)
    done = step(workflow, "Verify", tmp_path)
    assert done.returncode == 1
    assert not (tmp_path / "verified").exists()


def test_the_page_names_every_badge_with_what_it_proves() -> None:
    rows = dict(re.findall(r"^\| ([a-z-]+) \| (.+) \|$", PAGE.partition("## Badges")[2], re.MULTILINE))
    assert set(PROVES) <= set(rows)
    for badge, text in PROVES.items():
        assert text.startswith(rows[badge].partition(".")[0][:30]), badge

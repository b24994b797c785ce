"""Every kind of thing that a suite names has a command that lists it and describes one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vlbench.cli.main import main
from vlbench.registry.loader import load_registry
from vlbench.registry.options import describe

LISTED = ("dataset", "encoder", "student", "method", "suite")


def invoke(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.mark.parametrize("kind", LISTED)
def test_all_of_a_kind_are_listed_and_each_can_be_described(kind: str):
    specs = load_registry().all(kind)
    listed = json.loads(invoke(f"{kind}s", "--json").stdout)
    assert {row["name"]: row["summary"] for row in listed} == {name: spec.summary for name, spec in specs.items()}
    shown = invoke(f"{kind}s").stdout
    for name in specs:
        assert name in "".join(shown.split())
        assert invoke(f"{kind}s", name).exit_code == 0


@pytest.mark.parametrize(("kind", "name"), [("dataset", "pairs"), ("encoder", "timm")])
def test_a_description_holds_every_option_with_its_meaning(kind: str, name: str):
    options = describe(load_registry().all(kind)[name].options)
    assert options
    described = json.loads(invoke(f"{kind}s", name, "--json").stdout)
    assert described["options"] == [row._asdict() for row in options]
    shown = "".join(invoke(f"{kind}s", name).stdout.split())
    assert all("".join(row.help.split())[:20] in shown for row in options)


def test_a_student_is_described_by_its_towers():
    described = json.loads(invoke("students", "vit", "--json").stdout)
    assert {side: tower["encoder"] for side, tower in described["towers"].items()} == {
        "image": "scenes-vit",
        "text": "scenes-text",
    }


def test_a_wrong_name_is_answered_with_the_nearest_and_the_listing():
    refused = invoke("datasets", "scene")
    assert refused.exit_code == 1
    assert "Did you mean 'scenes'?" in refused.output
    assert "vlbench datasets" in refused.output


@pytest.mark.parametrize("words", [["students"], ["leaderboard"]])
def test_a_broken_installed_plugin_is_one_line_and_the_command_goes_on(words: list[str], tmp_path: Path):
    about = tmp_path / "bad-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: bad\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[vlbench]\nbad = broken_module\n")
    (tmp_path / "broken_module.py").write_text('raise ValueError("two\\nlines")')
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-m", "vlbench", *words]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, cwd=tmp_path)
    assert done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("Plugin bad is not used (import error: ValueError: two lines")

"""Commands that only list must be quick: they import no model library."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("torch", "timm", "transformers", "sentence_transformers", "peft", "faiss", "sklearn", "scipy")
PLUGIN, REGISTRY = "vlbench_coresets", "vlbench.registry.registry"
CODE = f"""
import sys
sys.argv[0] = "vlbench"
from vlbench.cli.main import main
try:
    main()
finally:
    print([name for name in {(*HEAVY, PLUGIN, REGISTRY)} if name in sys.modules], file=sys.stderr)
"""


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", CODE, *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["methods"], ["suites"], ["plugins"], ["leaderboard"]])
def test_listing_imports_no_model_library(words: list[str], tmp_path: Path) -> None:
    imported = run(words, tmp_path).stderr.splitlines()[-1]
    assert not [name for name in HEAVY if repr(name) in imported]


def test_a_board_imports_no_plugin_for_a_format_of_the_core(tmp_path: Path) -> None:
    # The first of a new folder finds out which plugins can be used.
    for name, expected in (("text", PLUGIN), ("text", "[]"), ("json", f"[{REGISTRY!r}]"), ("html", PLUGIN)):
        assert expected in run(["leaderboard", "--format", name], tmp_path).stderr.splitlines()[-1]


@pytest.mark.parametrize(
    "command", ["run", "show", "score", "submit", "verify", "replay", "leaderboard", "methods", "suites", "plugins"]
)
def test_help_of_every_command_is_light(command: str, tmp_path: Path) -> None:
    done = run([command, "--help"], tmp_path)
    assert done.stdout.startswith(f"Usage: vlbench {command}")
    assert done.stderr.splitlines()[-1] in ("[]", f"[{REGISTRY!r}]")


def test_help_takes_less_than_three_tenths_of_a_second(tmp_path: Path) -> None:
    def seconds() -> float:
        # Processor time, so that other tests running beside this one do not matter.
        before = os.times()
        run(["--help"], tmp_path)
        after = os.times()
        return after.children_user + after.children_system - before.children_user - before.children_system

    assert min(seconds() for _ in range(5)) < 0.3

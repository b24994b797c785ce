"""Shell completion, through click's own protocol."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from vlbench.cli.main import main
from vlbench.records.record import parse_record, write_record

from ..conftest import table

PLUGIN = """
import vlbench
@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec("complete-me", "complete_plugin:C", "selection", "For a test.")]
@vlbench.hookimpl
def vlbench_commands():
    return [vlbench.Declaration("complain", "no_such_module_at_all:command", "For a test.")]
"""
LIGHT = """
import sys
sys.argv[0] = "vlbench"
from vlbench.cli.main import main
try:
    main()
finally:
    heavy = ("torch", "timm", "transformers", "peft", "faiss", "pluggy", "vlbench_trajectory")
    print([name for name in heavy if name in sys.modules], file=sys.stderr)
"""


def complete(*words: str) -> list[str]:
    *before, incomplete = words
    return [
        item.value if item.type == "plain" else f"<{item.type}>"
        for item in ShellComplete(main, {}, "vlbench", "_VLBENCH_COMPLETE").get_completions(before, incomplete)
    ]


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("vldd-100", "random-100", "full-full-scenes", "chance-chance-scenes"):
        write_record(tmp_path / "runs" / name, parse_record(table(name, 1.0)))
    (tmp_path / "runs" / "no-run").mkdir()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("le",), ["leaderboard", "leaks"]),
        (("run", "--method", "k-c"), ["k-center"]),
        (("plot", "--panel", "budget,c"), ["budget,cost"]),
        (("leaderboard", "--published", "flickr30"), ["flickr30k"]),
        (("run", "--method", "vldd", "--suite", "scenes-"), ["scenes-encoder", "scenes-mini", "scenes-vit"]),
        (("run", "--suite", "./my"), ["<file>"]),
        (("run", "--executor", ""), ["processes", "ray", "serial", "slurm"]),
        (("methods", "for"), ["forgetting"]),
        (("suites", "scenes-m"), ["scenes-mini"]),
        (("leaderboard", "--format", "la"), ["latex"]),
        (("show", ""), ["random-100", "vldd-100"]),
        (("show", "runs/v"), ["runs/vldd-100"]),
        (("score", ""), ["random-100", "vldd-100"]),
        (("replay", "v"), ["vldd-100"]),
        (("run", "--method", "random,k-c"), ["random,k-center"]),
        (("prepare", "scenes-m"), ["scenes-mini"]),
        (("leaderboard", "runs/r"), ["runs/random-100"]),
        (("leaderboard", "elsewhere/"), ["<file>"]),
        (("run", "--method", "random,lors", "-o", "target_r"), ["target_rank=", "target_rate="]),
        (("run", "--method", "lors", "-o", "pixels="), ["pixels=free", "pixels=frequency"]),
        (("run", "--set", "training.se"), ["training.seeds="]),
        (("run", "--suite", "scenes-mini", "--set", "student.l"), ["student.learning_rate="]),
        (("run", "--suite", "scenes-vit", "--set", "students.vit.image.enc"), ["students.vit.image.encoder="]),
        (("run", "--suite", "nowhere.toml", "--set", "training"), []),
        (("run", "--log", "tensorboard,ml"), ["tensorboard,mlflow"]),
        (("encoders", "scenes-c"), ["scenes-convnet", "scenes-convnet-b"]),
        (("journal", "--he"), ["--help"]),
        (("--plu",), ["--plugin"]),
    ],
)
def test_words_are_completed(runs: None, words: tuple[str, ...], expected: list[str]) -> None:
    found = complete(*words)
    assert (sorted(found) == sorted(expected)) if len(words) > 1 else set(found) >= set(expected)


def test_a_plugin_file_given_before_is_known(tmp_path: Path) -> None:
    (tmp_path / "complete_plugin.py").write_text(PLUGIN)
    plugin = ("--plugin", str(tmp_path / "complete_plugin.py"))
    assert complete(*plugin, "run", "--method", "comp") == ["complete-me"]
    assert complete(*plugin, "comp") == ["complain"]
    assert "run" in complete(*plugin, "complain", "")  # it cannot be imported: nothing worse happens


def test_completing_imports_neither_torch_nor_plugins_and_tells_what_names_mean(tmp_path: Path) -> None:
    words = {"_VLBENCH_COMPLETE": "zsh_complete", "COMP_WORDS": "vlbench run --method vl", "COMP_CWORD": "3"}
    environment = {**os.environ, **words, "VLBENCH_CACHE": str(tmp_path)}
    for _ in range(2):  # the first one makes the file of names
        done = subprocess.run(
            [sys.executable, "-c", LIGHT], capture_output=True, text=True, env=environment, check=True
        )
    assert done.stdout.splitlines()[:2] == ["plain", "vldd"]
    assert "bi-trajectory matching" in done.stdout
    assert done.stderr.splitlines()[-1] == "[]"

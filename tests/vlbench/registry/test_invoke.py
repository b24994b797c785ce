"""What a plugin's own code raises is told with the plugin and the line, and what speaks to the user as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import vlbench.cli.main

PLUGIN = """
import vlbench

class Bare(vlbench.Method):
    def __init__(self):
        pass

    def condense(self, train, budget, context):
        return None

def careless(options, store):
    return {}["train"]

def strict(options, store):
    raise vlbench.errors.DataError("no recordings in 'sounds'. Put them there.")

def encoder():
    return None

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec("bare", "raising:Bare", "selection", "For a test.")]

@vlbench.hookimpl
def vlbench_datasets():
    return [vlbench.DatasetSpec(name, f"raising:{name}", "For a test.") for name in ("careless", "strict")]

@vlbench.hookimpl
def vlbench_encoders():
    return [vlbench.EncoderSpec("no-options", "raising:encoder", "image", "For a test.")]
"""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--method", "bare"], "method 'bare' of plugin 'raising' raised TypeError: Bare.__init__() takes"),
        (
            ["--method", "random", "--set", "data.name=careless", "--set", "data.options={}"],
            "dataset 'careless' of plugin 'raising' raised KeyError: 'train' (raising.py, line 12).",
        ),
        (
            ["--method", "random", "--set", "data.name=strict", "--set", "data.options={}"],
            "Error: no recordings in 'sounds'. Put them there.",
        ),
        (
            ["--method", "random", "--set", "students.convnet.image.encoder=no-options"],
            "encoder 'no-options' of plugin 'raising' raised TypeError: encoder() takes 0 positional",
        ),
    ],
)
def test_what_a_plugin_raises_is_told_in_one_message(tmp_path: Path, words: list[str], told: str) -> None:
    (tmp_path / "raising.py").write_text(PLUGIN, encoding="utf-8")
    given = ["--plugin", str(tmp_path / "raising.py"), "run", "--suite", "scenes-mini", "--budget", "5", *words]
    result = CliRunner().invoke(vlbench.cli.main.main, [*given, "--out", str(tmp_path), "--set", "rows.always=[]"])
    assert result.exit_code == 1
    assert told in result.stderr
    assert "Traceback" not in result.output

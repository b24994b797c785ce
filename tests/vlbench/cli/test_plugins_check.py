"""``vlbench plugins check``: the checks through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import vlbench.cli.main

PLUGIN = """
from dataclasses import dataclass
import vlbench

@dataclass(frozen=True)
class Options:
    more: int = vlbench.option(0, help="pairs beyond the budget")

class Greedy(vlbench.Selector):
    needs_features = False
    def select(self, features, size, generator):
        import torch
        return torch.randperm(len(features), generator=generator)[: size + self.options.more]

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec(name="greedy", target="checked_plugin:Greedy", options=Options, family="selection",
                               summary="Takes more.")]
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("plugin") / "checked_plugin.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return str(path)


def check(plugin: str, *words: str) -> Result:
    return CliRunner().invoke(vlbench.cli.main.main, ["--plugin", plugin, "plugins", "check", *words])


def test_what_keeps_the_rules_ends_with_code_0_and_names_all_that_was_checked(plugin: str):
    done = check(plugin, "checked_plugin", "--json")
    told = json.loads(done.output)
    assert (done.exit_code, told["passed"]) == (0, True)
    assert {(row["kind"], row["name"]) for row in told["checks"]} == {
        ("plugin", "checked_plugin"),
        ("method", "greedy"),
    }
    assert {row["status"] for row in told["checks"]} == {"passed"}


def test_a_broken_rule_ends_with_code_1_and_its_reason(plugin: str):
    done = check(plugin, "greedy", "-o", "greedy.more=1")
    assert done.exit_code == 1
    assert "failed   budget is never exceeded" in done.output
    assert "asked for 1 pairs, it returned 2." in done.output
    assert max(len(line) for line in done.output.splitlines()) <= 100


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["greed"], "Did you mean 'greedy'?"),
        (["greedy", "-o", "mor=1"], "Did you mean 'more'?"),
        (["greedy", "-o", "more=x"], "option more='x' is not a whole number"),
        ([], "Missing argument 'NAME'"),
    ],
)
def test_what_cannot_be_checked_ends_with_code_2(plugin: str, words: list[str], told: str):
    done = check(plugin, *words)
    assert done.exit_code == 2
    assert told in done.output


def test_a_plugin_that_cannot_be_loaded_fails_with_the_cause(tmp_path: Path):
    (tmp_path / "torn_plugin.py").write_text("import no_such_library\n", encoding="utf-8")
    done = check(str(tmp_path / "torn_plugin.py"), "torn_plugin")
    assert done.exit_code == 1
    assert "missing dependency no_such_library" in done.output

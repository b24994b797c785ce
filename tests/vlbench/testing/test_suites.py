"""Each check of suites is broken by a suite that breaks that one rule, and catches it."""

from pathlib import Path

import pytest

from vlbench.registry.loader import load_registry
from vlbench.testing import check_suite

PLUGIN = """
import vlbench

@vlbench.hookimpl
def vlbench_suites():
    return [vlbench.SuiteSpec(name="mine", file="suite_of_tests:mine.toml", summary="A toy.")]
"""
MINI = (Path(__file__).parents[3] / "benchmarks" / "vlbench_suites" / "scenes-mini.toml").read_text(encoding="utf-8")
GOOD = MINI.replace('name = "scenes-mini"', 'name = "mine"')


def failures(folder, text):
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    (folder / "suite_of_tests.py").write_text(PLUGIN, encoding="utf-8")
    results = check_suite("mine", load_registry([str(folder / "suite_of_tests.py")]))
    return {result.check: result.message for result in results if result.status == "failed"}


@pytest.fixture
def folder(tmp_path_factory):
    """One folder for all tests: a plugin file is imported once in a process."""
    folder = tmp_path_factory.getbasetemp() / "suite"
    folder.mkdir(exist_ok=True)
    return folder


def test_a_suite_that_keeps_all_rules_passes_every_check(folder):
    assert failures(folder, GOOD) == {}


@pytest.mark.parametrize(
    ("old", "new", "check", "words"),
    [
        ('name = "mine"', 'name = "other"', "protocol_is_valid", "it is declared as 'mine'"),
        ("steps = 60", "stepz = 60", "protocol_is_valid", "Did you mean 'steps'"),
        ('encoder = "scenes-text"', 'encoder = "scenes-tex"', "names_are_declared", "Did you mean 'scenes-text'"),
        (
            'encoder = "scenes-text"',
            'encoder = "scenes-vit"',
            "names_are_declared",
            "of side 'image', not 'text'",
        ),
        ('size = "mini"', 'size = "tiny"', "names_are_declared", "full|mini"),
        ('"mean-caption"]', '"mean-captions"]', "names_are_declared", "Did you mean 'mean-caption'"),
    ],
)
def test_a_suite_that_breaks_one_rule_fails_that_check(folder, old, new, check, words):
    found = failures(folder, GOOD.replace(old, new))
    assert list(found) == [check]
    assert words in found[check]

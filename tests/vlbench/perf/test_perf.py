"""The table of times: what takes turns, what a line says, and that every part can be timed."""

import json

import pytest
from click.testing import CliRunner

import vlbench.cli.main
from vlbench.perf import parts
from vlbench.perf.clock import Clock

TINY = parts.Sizes(steps=2, images=20, candidates=50, picks=3, pictures=2)


def test_both_works_take_turns_and_the_ratio_is_that_of_a_round():
    calls = []
    line = Clock("cpu", 4).line("it", lambda: calls.append("ours"), lambda: calls.append("bare"), per=2)
    assert calls == ["ours", "bare"] * 5
    assert line.ratio is not None
    assert line.bare_s is not None


def test_the_processors_seconds_do_not_grow_while_nothing_is_computed():
    import time

    assert Clock("cpu", 1).line("asleep", lambda: time.sleep(0.2)).seconds < 0.1


@pytest.mark.usefixtures("tiny")
def test_the_command_times_every_part_and_every_selector_that_reads_features():
    done = CliRunner().invoke(vlbench.cli.main.main, ["perf", "--device", "cpu", "--quick", "--json"])
    assert done.exit_code == 0, done.output
    lines = {line["what"]: line for line in json.loads(done.stdout)}
    for what in ("a student's step, batch 100", "ranks both ways, 20 x 100", "k-center, a pick out of 50 x 512"):
        assert lines[what]["seconds"] > 0
        assert lines[what]["ratio"] > 0
    assert not [what for what in lines if what.startswith("random,")]


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(parts, "QUICK", TINY)

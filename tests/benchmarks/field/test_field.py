"""The board of all methods and the search of equal effort: what they would make."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest
from click.testing import CliRunner

from vlbench.matching import Task
from vlbench.registry.loader import load_registry
from vlbench.seeds import SeedTree
from vlbench_trajectory.settings import automatic

FIELD = Path(__file__).parents[3] / "benchmarks" / "field"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"field_{name}", FIELD / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_board_has_every_method_and_every_published_preset():
    rows = load("board").entries(())
    assert {name for name, options in rows if not options} == set(load_registry().all("method"))
    assert ("vldd", {"preset": "paper"}) in rows
    assert ("noise", {"preset": "paper"}) not in rows
    assert load("board").entries(("paper", "vldd")) == [row for row in rows if not row[1] and row[0] != "vldd"]


def test_tries_are_the_defaults_and_then_draws_within_their_ranges():
    search = load("search")
    names = sorted(search.RANGES)
    assert search.draw(names, SeedTree(0), 0) == {}
    drawn = [search.draw(names, SeedTree(0), index) for index in range(1, 20)]
    assert drawn[3] == search.draw(names, SeedTree(0), 4)
    for name, (low, high) in search.RANGES.items():
        assert all(0.99 * low <= values[name] <= 1.01 * high for values in drawn)
        assert len({values[name] for values in drawn}) > 5


@pytest.mark.parametrize("method", ["covariance"])
def test_a_stopped_search_goes_on_and_gives_as_many_tries(tmp_path: Path, method: str):
    search, out = load("search"), tmp_path / "tries.jsonl"
    words = ["scenes-mini", "--budget", "8", "--method", method, "--seconds", "1", "--out", str(out)]
    for tries in (1, 2):
        done = CliRunner().invoke(search.main, [*words, "--tries", str(tries)])
        assert done.exit_code == 0, done.output
        assert len(out.read_text().splitlines()) == tries
    first, second = map(json.loads, out.read_text().splitlines())
    assert first["options"] == {}
    assert second["options"].keys() > {"outer_steps"}
    assert 0 < first["spent"] < 10
    assert f"{method:16} val" in done.output


def test_every_rung_differs_from_another_one_in_one_thing():
    ladder = load("ladder")
    rungs = {rung.name: rung for rung in ladder.RUNGS}
    literal, experts, loop = list(rungs.values())[:3]  # of these, in one group of settings
    assert {**literal.options, **ladder.EXPERTS} == experts.options
    settings = automatic(Task("heads", pairs=100, items=29_000, captions=145_000))
    assert all(getattr(settings, name) == value for name, value in ladder.EXPERTS.items())
    assert loop.options == {"captions": "one", "pixels": "free"}
    defaults = load_registry().get("method", "vldd").options()
    for rung in list(rungs.values())[3:]:
        other = rungs[rung.against]
        options = {**vars(defaults), **rung.options}, {**vars(defaults), **other.options}
        changed = [name for name in options[0] if options[0][name] != options[1][name]]
        assert len(changed) + (rung.method != other.method) == 1, rung.name


def test_the_ladder_prints_a_step_for_each_rung(tmp_path: Path):
    words = ["scenes-mini", "--budget", "8", "--seed", "0", "--rung", "ours", "--rung", "soft targets"]
    ladder = load("ladder")
    ladder.RUNGS = [
        ladder.Rung("ours", "mean captions", options={"outer_steps": 1, "experts": 1, "expert_steps": 24}),
        ladder.Rung("soft targets", "ours", "lors", {"outer_steps": 1, "experts": 1, "expert_steps": 24}),
    ]
    done = CliRunner().invoke(ladder.main, [*words, "--out", str(tmp_path)])
    assert done.exit_code == 0, done.output
    first, second = (line for line in done.output.splitlines() if line.startswith(("ours", "soft targets")))
    assert "on ours" not in first
    assert second.endswith("on ours")

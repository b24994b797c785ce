"""No hook can change training or scoring: hostile plugins beside a run, and the same run without them."""

from __future__ import annotations

import json
import textwrap
from pathlib import Path
from typing import Any

import pytest

import vlbench
from vlbench.errors import PluginError
from vlbench.records.record import PluginRow, read_record

METHODS = """
import vlbench

class Last(vlbench.Selector):
    needs_features = False
    def select(self, features, size, generator):
        import torch
        return torch.randperm(len(features), generator=generator)[:size]

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec("last", "methods_of_harmless:Last", "selection", "For a test.")]
"""
HOSTILE = """
import vlbench

def upset():
    import random, torch
    random.seed(1), torch.manual_seed(1)
    torch.set_grad_enabled(False), torch.set_default_dtype(torch.float64), torch.set_num_threads(3)
    print("hello")

class Watcher:
    def __init__(self):
        upset()
    def phase(self, name, total, detail, later=None):
        upset()
    def record(self, record):
        upset()
        record.scores.clear()
        record.curves["more"] = [1.0]

class Broken:
    def phase(self):
        raise SystemExit(3)

def unborn():
    raise KeyError("lost")

def backwards(count, run):
    for index in reversed(range(count)):
        upset()
        assert run(index) is None

def wipe(ranks):
    upset()
    ranks.fill_(1)
    return 1

def size(gallery_size):
    return gallery_size

def not_finite(ranks, gallery_size, later="not offered yet"):
    return float("nan")

def raises():
    raise KeyError("lost")

@vlbench.hookimpl
def vlbench_scores():
    return [vlbench.Declaration(n, f"hostile_of_harmless:{n}", "H.") for n in ("wipe", "not_finite", "raises", "size")]

def lazy(run):
    pass

def twice(run):
    run(0), run(0)

@vlbench.hookimpl
def vlbench_observers():
    return [vlbench.Declaration(n, f"hostile_of_harmless:{n}", "Hostile.") for n in ("Watcher", "Broken", "unborn")]

@vlbench.hookimpl
def vlbench_executors():
    return [vlbench.Declaration(n, f"hostile_of_harmless:{n}", "Hostile.") for n in ("backwards", "lazy", "twice")]
"""
QUICK = {"rows.always": "['random']", "rows.full": "false", "training.seeds": "2"}


class Lines:
    """An observer that keeps messages."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def phase(self, name: str, total: int | None = None, detail: str = "") -> None: ...
    def advance(self, steps: int = 1, note: str = "") -> None: ...
    def done(self, message: str = "") -> None: ...
    def message(self, text: str) -> None:
        self.told.append(text)


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    (tmp_path / "methods_of_harmless.py").write_text(METHODS)
    (tmp_path / "hostile_of_harmless.py").write_text(HOSTILE)
    return [str(tmp_path / "methods_of_harmless.py"), str(tmp_path / "hostile_of_harmless.py")]


def run(out: Path, plugins: list[str], **more: Any) -> vlbench.Record:
    return vlbench.run(method="last", budget=20, suite="scenes-mini", overrides=QUICK, out=out, plugins=plugins, **more)


def numbers(out: Path) -> dict[str, Any]:
    kept = ("status", "scores", "chosen", "start", "curves")
    return {
        path.parent.name: (
            {field: json.loads(path.read_text()).get(field) for field in kept},
            [file.read_bytes() for file in sorted(path.parent.glob("*.safetensors"))],
        )
        for path in sorted(out.glob("*/record.json"))
    }


def test_hostile_observers_scores_and_executors_change_no_number(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path / "plain", files[:1])
    capsys.readouterr()
    lines = Lines()
    record = run(tmp_path / "hostile", files, executor="backwards", observer=lines)
    assert record.method == "last"
    assert len(numbers(tmp_path / "plain")) == 3
    assert numbers(tmp_path / "hostile") == numbers(tmp_path / "plain")
    assert capsys.readouterr().out == ""
    told = record.plugin_scores["convnet"]
    assert {name: told[name]["image_to_text"].seeds for name in ("wipe", "size")} == {
        "wipe": [1, 1],
        "size": [500, 500],
    }
    assert told["size"]["text_to_image"].mean == 100
    assert not {"raises", "not_finite"} & set(told)
    assert told["median-rank"] == run(tmp_path / "plain", files[:1]).plugin_scores["convnet"]["median-rank"]
    assert any("score 'not_finite' of plugin 'hostile_of_harmless' returned nan" in line for line in lines.told)
    of = "of plugin 'hostile_of_harmless' raised"
    assert f"observer 'unborn' {of} KeyError: 'lost' It gets no more reports" in lines.told[0]
    assert sum(f"observer 'Broken' {of} SystemExit: 3" in told for told in lines.told) == 1


@pytest.mark.parametrize(("executor", "text"), [("lazy", "left out 2 of 2 rows"), ("twice", "a second time")])
def test_an_executor_that_leaves_rows_out_or_runs_one_twice_is_named(
    files: list[str], tmp_path: Path, executor: str, text: str
) -> None:
    with pytest.raises(PluginError, match=text) as caught:
        run(tmp_path, files, executor=executor)
    assert f"executor {executor!r} of plugin 'hostile_of_harmless'" in str(caught.value)


def test_a_record_tells_the_plugins_and_the_code_of_its_method(files: list[str], tmp_path: Path) -> None:
    first = run(tmp_path / "a", files)
    assert PluginRow(name="hostile_of_harmless", status="ok") in first.plugins
    assert len(first.method_code) == 16
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = elsewhere / "methods_of_harmless.py"
    moved.write_text(METHODS)
    assert run(tmp_path / "b", [str(moved)]).method_code == first.method_code
    moved.write_text(f"{METHODS}# changed\n")
    lines = Lines()
    assert run(tmp_path / "a", [str(moved)], observer=lines).created == first.created
    assert any("finished before" in told and "by other code of the method" in told for told in lines.told)
    assert run(tmp_path / "c", [str(moved)]).method_code != first.method_code
    chance = next((tmp_path / "a").glob("chance*/record.json"))
    assert read_record(chance).method_code == ""


def test_operators_of_a_library_that_a_row_imports_are_no_disturbance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    library = tmp_path / "methods_of_harmless.py"
    registered = """
    import threading, torch
    if not hasattr(threading, "lately"):
        threading.lately = torch.library.Library("lately", "DEF")
        threading.lately.define("twice(Tensor x) -> Tensor")
        threading.lately.impl("twice", lambda x: 2 * x, "CompositeExplicitAutograd")
"""
    library.write_text(METHODS.replace("        import torch\n", textwrap.indent(registered, "    ")))
    run(tmp_path / "out", [str(library)])
    assert "torch operators" not in capsys.readouterr().err
    assert torch.ops.lately.twice(torch.ones(())) == 2

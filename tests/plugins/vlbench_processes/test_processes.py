"""Rows side by side are the rows of a serial run."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from vlbench.cli.main import main
from vlbench.errors import PluginError
from vlbench.registry.loader import load_registry
from vlbench.runs.executors import Needs, Unit, execute

PLUGIN = """
from dataclasses import dataclass
import vlbench

@dataclass(frozen=True)
class Options:
    step: int = vlbench.option(1, help="distance")

class EveryNth(vlbench.Selector):
    needs_features = False
    def select(self, features, size, generator):
        import torch
        return (torch.arange(size) * self.options.step + torch.randint(9, (), generator=generator)) % len(features)

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec("every-nth", "nth_plugin:EveryNth", "selection", "Every n-th.", Options)]
"""
QUICK = (
    "rows.always=[]",
    "rows.full=false",
    "training.seeds=1",
    "training.grid=[{steps=20,batch=20,learning_rate=0.1}]",
)


def run(executor: str) -> dict[str, object]:
    """The records of two rows by a plugin's file, with options and changes, without what differs between runs."""
    words = ["--plugin", "nth_plugin.py", "run", "--suite", "scenes-mini", "--budget", "20", "--seed", "0,1", "--json"]
    words += ["--method", "every-nth", "-o", "step=3", "--out", executor, "--executor", executor, "--offline"]
    done = CliRunner().invoke(main, [*words, *(word for change in QUICK for word in ("--set", change))])
    assert done.exit_code == 0, done.output
    return {r["id"]: [r[k] for k in ("scores", "options", "overrides", "command")] for r in json.loads(done.stdout)}


def test_what_child_processes_make_is_what_a_serial_run_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nth_plugin.py").write_text(PLUGIN)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("VLBENCH_JOURNAL", str(tmp_path / "journal"))
    side_by_side = run("processes")
    makers = {json.loads(line)["process"] for line in (tmp_path / "journal").read_text().splitlines()}
    assert len(makers) == 3  # the parent reads the data, and makes no row
    assert side_by_side == run("serial")
    assert len(side_by_side) == 2


def test_a_row_whose_process_failed_is_not_made_again_in_the_parent(tmp_path: Path) -> None:
    def never() -> str:
        raise AssertionError("made in the parent")

    log = str(tmp_path / "logs" / "0.log")
    words = [sys.executable, "-c", "import os; print('said', flush=True); os.abort()"]
    unit = Unit(never, Needs("one", log=log), words, lambda ended: ended)
    assert execute(load_registry(), "processes", [unit]) == ["signal 6 ended it"]
    assert "said" in Path(log).read_text()


def test_each_child_sees_one_of_the_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    code = "import os, time; time.sleep(0.5); print(os.environ['CUDA_VISIBLE_DEVICES'])"
    logs = [str(tmp_path / f"{index}.log") for index in range(2)]
    units = [Unit(str, Needs("", device="cuda", log=log), [sys.executable, "-c", code], str) for log in logs]
    execute(load_registry(), "processes", units)
    assert sorted(Path(log).read_text().strip() for log in logs) == ["3", "5"]


def test_a_method_that_fails_or_dies_in_its_process_is_a_record_and_tried_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, fault in (("raises", "raise ValueError('broken')"), ("dies", "os.kill(os.getpid(), 9)")):
        code = f"{name} = type('M', (vlbench.Method,), {{'condense': lambda *_: {name}_body()}})"
        Path(f"{name}_plugin.py").write_text(FAULTY.format(name=name, fault=fault, code=code))
    words = ["--plugin", "raises_plugin.py", "--plugin", "dies_plugin.py", "run", "--suite", "scenes-mini"]
    words += ["--budget", "20", "--method", "raises,dies", "--out", "runs", "--executor", "processes", "--json"]
    done = CliRunner().invoke(main, [*words, *(word for change in QUICK for word in ("--set", change))])
    assert done.exit_code == 1
    raised, died = json.loads(done.stdout)
    assert (raised["status"], died["status"]) == ("failed", "failed")
    assert raised["message"].startswith("ValueError: broken")
    assert "signal 9 ended it" in died["message"]
    tries = [len(Path(f"{name}.tries").read_text()) for name in ("raises", "dies")]
    assert tries == [1, 1]


FAULTY = """
import os
import vlbench

def {name}_body():
    with open("{name}.tries", "a") as file:
        file.write("x")
    {fault}

{code}

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec("{name}", "{name}_plugin:{name}", "selection", "For a test.")]
"""


def wait_for(condition) -> bool:
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_row_is_asked_for_when_its_process_has_ended_and_no_more_run_than_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VLBENCH_WORKERS", "2")
    code = "import pathlib, sys, time; p = pathlib.Path(sys.argv[1]); p.write_text(''); time.sleep(.05); "
    code += "p.rename(p.with_suffix('.done'))"
    commands = [[sys.executable, "-c", code, str(tmp_path / f"{index}.begun")] for index in range(5)]
    begun = []

    def row(index: int) -> bool:
        begun.append(len(list(tmp_path.glob("*.begun"))))
        return (tmp_path / f"{index}.done").exists()

    units = [Unit(lambda i=i: row(i), words=commands[i]) for i in range(5)]
    made = execute(load_registry(), "processes", units)
    assert all(made)
    assert max(begun) <= 2


def test_an_interrupt_ends_the_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLBENCH_WORKERS", "2")
    sleeping = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(60)"
    at = tmp_path / "process"

    def interrupted() -> None:
        assert wait_for(lambda: at.exists() and at.read_text())
        raise KeyboardInterrupt

    units = [Unit(interrupted, words=[sys.executable, "-c", ""])]
    units += [Unit(lambda: None, words=[sys.executable, "-c", sleeping, str(at)])]
    with pytest.raises(KeyboardInterrupt):
        execute(load_registry(), "processes", units)
    assert not is_alive(int(at.read_text()))


def test_a_number_of_workers_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLBENCH_WORKERS", "all")
    with pytest.raises(PluginError, match="VLBENCH_WORKERS=all is no number of at least 1"):
        execute(load_registry(), "processes", [Unit(lambda: None)])

"""A grid of two quick rows, whose method marks every try and can be stopped halfway."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from vlbench.cli.main import main

PLUGIN = """
import os, signal, time
from pathlib import Path
import torch
import vlbench

class Marking(vlbench.Method):
    def condense(self, train, budget, context):
        work = context.work
        here = Path(__file__).parent
        with (here / "tries" / work.name).open("a") as file:
            file.write(f"{os.getpid()}\\n")
        if context.load_checkpoint() is None:
            context.save_checkpoint({"seen": torch.ones(1)})
            if (here / "signal").exists():
                os.kill(os.getppid(), signal.SIGUSR2)
                time.sleep(60)
            time.sleep(3 if (here / "slow").exists() else 0)
        order = torch.randperm(len(train), generator=context.seeds.generator("order"))
        return vlbench.Selection(order[:budget.pairs], train.fingerprint)

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec("marking", "marking_plugin:Marking", "selection", "For a test.")]
"""
QUICK = ("rows.always=[]", "rows.full=false", "training.seeds=1")
QUICK += ("training.grid=[{steps=20,batch=20,learning_rate=0.1}]",)


class Grid:
    """``vlbench run`` of two seeds with an executor, in ``folder``; the file of a try has a line for each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "tries").mkdir()
        (folder / "marking_plugin.py").write_text(PLUGIN)

    def words(self, executor: str) -> list[str]:
        words = ["--plugin", "marking_plugin.py", "run", "--method", "marking", "--budget", "20", "--seed", "0,1"]
        words += ["--suite", "scenes-mini", "--out", executor, "--json", "--executor", executor]
        return [*words, *(word for change in QUICK for word in ("--set", change))]

    def start(self, executor: str, **environment: str) -> subprocess.Popen[str]:
        words = [sys.executable, "-m", "vlbench", *self.words(executor)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"} | environment
        pipe = subprocess.PIPE
        return subprocess.Popen(words, cwd=self.folder, env=environment, text=True, stdout=pipe, stderr=pipe)

    def serial(self) -> dict[str, object]:
        """The same rows made in this process."""
        with contextlib.chdir(self.folder):
            done = CliRunner().invoke(main, self.words("serial"))
        assert done.exit_code == 0, done.output
        return {record["id"]: record["scores"] for record in json.loads(done.stdout)}

    @property
    def tries(self) -> list[int]:
        """How often each row was tried."""
        return sorted(len(file.read_text().splitlines()) for file in (self.folder / "tries").iterdir())

    def scores(self, running: subprocess.Popen[str]) -> dict[str, object]:
        """Run -> scores, of a command that ended well."""
        out, said = running.communicate(timeout=300)
        assert running.returncode == 0, said
        return {record["id"]: record["scores"] for record in json.loads(out)}


@pytest.fixture
def marking_grid(tmp_path: Path) -> Grid:
    return Grid(tmp_path)

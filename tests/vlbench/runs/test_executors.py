"""Executors decide when a row is run, and nothing else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from vlbench.errors import BudgetError
from vlbench.registry.loader import load_registry
from vlbench.runs.executors import Needs, Unit, execute

PLUGIN = """
import vlbench
from concurrent.futures import ThreadPoolExecutor

def threads(count, run):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, reversed(range(count))))

def deaf(count, run):
    for index in range(count):
        try:
            run(index)
        except BaseException:
            pass

@vlbench.hookimpl
def vlbench_executors():
    return [vlbench.Declaration(name, f"execute_plugin:{name}", "For a test.") for name in ("threads", "deaf")]
"""


@pytest.mark.parametrize("executor", ["serial", "threads", "deaf"])
def test_rows_never_overlap_keep_their_order_and_an_error_of_one_is_raised(tmp_path: Path, executor: str) -> None:
    (tmp_path / "execute_plugin.py").write_text(PLUGIN)
    registry = load_registry([str(tmp_path / "execute_plugin.py")])
    busy = threading.Lock()

    def row(index: int) -> int:
        assert busy.acquire(blocking=False)
        threading.Event().wait(0.002)
        busy.release()
        return index * index

    def broken() -> int:
        raise BudgetError("too many")

    rows = [lambda index=index: row(index) for index in range(8)]
    assert execute(registry, executor, [Unit(row) for row in rows]) == [index * index for index in range(8)]
    with pytest.raises(BudgetError, match="too many"):
        execute(registry, executor, [Unit(row) for row in [*rows[:2], broken]])


def test_what_changes_the_process_while_a_row_is_made_is_put_back_and_said(capsys: pytest.CaptureFixture[str]):
    import torch

    def disturbed() -> torch.dtype:
        torch.set_default_dtype(torch.float64)  # as a thread would, which an earlier row left running
        return torch.ones(1).dtype

    found = execute(load_registry(), "serial", [Unit(disturbed, Needs("mine 20")), Unit(lambda: torch.ones(1).dtype)])
    assert found == [torch.float64, torch.float32]
    assert "While mine 20 was made, a thread of a plugin changed torch default dtype" in capsys.readouterr().err

"""Executors decide when a row is run, and nothing else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from vlbench.errors import BudgetError
from vlbench.registry.loader import load_registry
from vlbench.runs.executors import execute

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
    assert execute(registry, executor, rows) == [index * index for index in range(8)]
    with pytest.raises(BudgetError, match="too many"):
        execute(registry, executor, [*rows[:2], broken])

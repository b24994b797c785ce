"""Under --offline a program that a plugin starts is offline too, or it is said that it is not."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from vlbench.own_network import NOT_HELD
from vlbench.records.record import read_record

PLUGIN = """
import subprocess, sys, vlbench

class Calls(vlbench.Method):
    def condense(self, train, budget, context):
        code = "import socket; socket.create_connection(('127.0.0.1', {port}), timeout=10); print('reached')"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        context.settings(child=done.stdout.strip() or "refused")
        return vlbench.Selection(context.candidates()[: budget.pairs], train.fingerprint)

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec("calls", "calls_out:Calls", "selection", "Asks the network.")]
"""


@pytest.fixture
def port():
    """A server on this machine that answers nobody; to connect, its backlog is enough."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("more", [[], ["--offline"], ["--offline", "--isolate"]])
def test_a_program_that_a_method_starts_is_offline_where_the_command_is(
    toy_suite: tuple[str, str], tmp_path: Path, port: int, more: list[str]
):
    suite, plugin = toy_suite
    (tmp_path / "calls_out.py").write_text(PLUGIN.format(port=port))
    words = ["--plugin", plugin, "--plugin", str(tmp_path / "calls_out.py"), "run", "--suite", suite, *more]
    words += ["--method", "calls", "--budget", "5", "--out", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-m", "vlbench", *words], capture_output=True, text=True, check=True)
    (folder,) = (tmp_path / "out").glob("calls-*")
    held = "--offline" in more and NOT_HELD not in done.stderr
    assert read_record(folder).settings == {"child": "refused" if held else "reached"}

"""What a plugin sets for the whole process when it is imported, or called, is put back and named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PLUGIN = """
import torch, vlbench
{code}

class First(vlbench.Selector):
    needs_features = False
    def select(self, features, size, generator):
        return torch.arange(size)

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec("first", "at_import:First", "selection", "First.")]
"""
LOOK = """
import sys
from vlbench.registry.loader import try_plugins
assert "torch" not in sys.modules
plugin = try_plugins([sys.argv[1]]).plugins[-1]
import torch
print(plugin.status, "|", plugin.detail, "|", torch.get_default_dtype(), torch.randperm(3, generator=None).sum().item())
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("torch.set_default_dtype(torch.float64)", "torch default dtype"),
        ("torch.randperm = lambda n, **_: torch.zeros(n)", "torch.randperm"),
        ("torch.set_num_threads(1 + torch.get_num_threads())", "torch threads"),
        ("import os; os.write(1, b'noise')", ""),
        ("import os; os.environ['OWN'] = '1'", ""),
    ],
)
def test_a_plugin_that_is_the_first_to_import_torch_leaves_it_as_it_was(tmp_path: Path, code: str, said: str):
    file = tmp_path / "at_import.py"
    file.write_text(PLUGIN.format(code=code))
    words = [sys.executable, "-c", LOOK, str(file)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    status, detail, torch = done.stdout.split("|")
    assert status.strip() == "ok"
    assert (f"Left changed for the whole process: {said}. It was put back." in detail) == bool(said)
    assert torch.strip() == "torch.float32 3"

"""The fixtures that pytest finds by itself."""

import subprocess
import sys

import torch

import vlbench


def test_fixtures_are_all_that_a_method_needs(toy_train, toy_context, toy_student, toy_data):
    start = vlbench.Selection(toy_context.candidates()[:5], toy_train.fingerprint)
    tower_inputs = toy_context.training_set(start).tower_inputs(torch.arange(5))
    assert toy_student.embed("image", tower_inputs["image"], toy_student.start(vlbench.SeedTree(0))).shape == (5, 8)
    assert toy_train.fingerprint == toy_data.fingerprint
    assert (toy_context.work / "..").resolve().exists()


def test_loading_the_plugin_imports_no_torch():
    code = "import vlbench.testing.pytest_plugin, vlbench.testing, sys; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"

"""The scripts behind figures of speed still run."""

import runpy
from pathlib import Path

import pytest
import torch

SCRIPTS = sorted((Path(__file__).parents[2] / "benchmarks" / "perf").glob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_finds_what_it_imports(script):
    assert "benchmark" in runpy.run_path(str(script), run_name="imported")["__file__"]


@pytest.mark.parametrize("micro_batch", [0, 2])
def test_both_ways_of_the_matching_benchmark_give_one_gradient(micro_batch):
    ways = runpy.run_path(str(SCRIPTS[0].with_name("matching.py")), run_name="imported")["problem"](3, micro_batch)
    ours, unrolled = (way(2) for way in (ways["ours"], ways["unrolled"]))
    torch.testing.assert_close(ours, unrolled, rtol=2e-3, atol=1e-6 * float(unrolled.abs().max()) * 100)

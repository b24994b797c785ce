"""A suite of toys, whose rows take a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

PLUGIN = """
import vlbench

def dataset(options, store):
    from vlbench.testing import toy_dataset
    return toy_dataset()

def image(options):
    from vlbench.testing.toys import ToyEncoder
    return ToyEncoder("image")

def text(options):
    from vlbench.testing.toys import ToyEncoder
    return ToyEncoder("text")

@vlbench.hookimpl
def vlbench_datasets():
    return [vlbench.DatasetSpec("toys", "toy_suite:dataset", "Toys.")]

@vlbench.hookimpl
def vlbench_encoders():
    return [vlbench.EncoderSpec(f"toy-{side}", f"toy_suite:{side}", side, "Toys.") for side in ("image", "text")]
"""
SUITE = """
name = "toys"
version = 1
summary = "Toys."
[data]
name = "toys"
[students.small.image]
encoder = "toy-image"
head = { width = 8 }
[students.small.text]
encoder = "toy-text"
head = { width = 8 }
[training]
seeds = 2
warmup = { steps = 20, batch = 20, learning_rate = 0.1 }
grid = [{ steps = 10, batch = 20, learning_rate = 0.1 }, { steps = 10, batch = 20, learning_rate = 0.3 }]
[rows]
always = []
full = false
"""


Suite = tuple[str, str]


@pytest.fixture(scope="session")
def write_toy_suite() -> Callable[[Path], Suite]:
    """Folder -> path of the suite there, and of the plugin that it needs."""

    def write(folder: Path) -> Suite:
        (folder / "toys.toml").write_text(SUITE)
        (folder / "toy_suite.py").write_text(PLUGIN)
        return str(folder / "toys.toml"), str(folder / "toy_suite.py")

    return write


@pytest.fixture
def toy_suite(tmp_path: Path, write_toy_suite: Callable[[Path], Suite]) -> Suite:
    """Path of the suite, and of the plugin that it needs."""
    return write_toy_suite(tmp_path)

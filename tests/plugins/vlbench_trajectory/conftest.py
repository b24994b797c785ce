"""Toy runs of ``vldd`` for any kind of training."""

import pytest
import torch

from vlbench import Budget, SeedTree, TrainView
from vlbench.methods.context import Context, Reference
from vlbench.progress import SilentObserver
from vlbench.registry.options import parse_options
from vlbench.testing.toys import TOY_RECIPE, toy_builder, toy_dataset, toy_student
from vlbench_trajectory.options import VLDDOptions
from vlbench_trajectory.vldd import VLDD

FAST = {
    "experts": 2,
    "expert_rate": 0.1,
    "outer_steps": 30,
    "expert_steps": 48,
    "interval": 12,
    "segment_length": 2,
    "start_range": 2,
}


class ToyRun:
    """A dataset, and a context for each kind of training."""

    def __init__(self, folder, train="frozen", dropout=0.0):
        self.dataset = toy_dataset()
        self.builder = toy_builder(self.dataset, folder / "cache")
        self.config = toy_student(train=train, dropout=dropout)
        self.folder = folder

    def context(self, seed=0, observer=None):
        """A context of its own; what is kept between runs is shared."""
        reference = Reference("toy", self.config, TOY_RECIPE, repr(self.config))
        view = TrainView(self.dataset)
        return Context(view, self.builder, reference, SeedTree(seed), observer or SilentObserver())

    def condense(self, pairs=12, *, context=None, **options):
        """The artifact of a short run."""
        chosen = parse_options(VLDDOptions, FAST | options, owner="vldd")
        return VLDD(chosen).condense(TrainView(self.dataset), Budget.parse(pairs), context or self.context())


@pytest.fixture
def toy_run(tmp_path):
    """A maker of toy runs: ``toy_run(train=...)``."""
    return lambda **more: ToyRun(tmp_path, **more)


@pytest.fixture
def generator():
    """A seeded generator."""
    return torch.Generator().manual_seed(0)

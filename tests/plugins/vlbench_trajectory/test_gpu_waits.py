"""What a GPU is waited for: on one that is pretended, no inner step and no step of a student waits for it."""

from collections import Counter
from dataclasses import fields, replace

import pytest

from vlbench import Budget, SeedTree, TrainView
from vlbench.methods.context import Context, Reference
from vlbench.progress import SilentObserver
from vlbench.registry.invoke import construct
from vlbench.registry.loader import load_registry
from vlbench.registry.options import parse_options
from vlbench.students.training import Recipe, train
from vlbench.testing import pretend_gpu
from vlbench.testing.pretend import waits
from vlbench.testing.toys import TOY_RECIPE, toy_builder, toy_dataset, toy_student

PATHS = ("vldd", "tesla", "lors", "repblend", "ptm-st")
"""Methods with an inner loop."""
SMALL = {"experts": 1, "outer_steps": 2, "expert_steps": 24, "interval": 12, "segment_length": 1, "start_range": 1}
SMALL |= {"expert_rate": 0.1, "phases": 1, "inner_batch": 5}


def context_on(device, folder, student):
    dataset = toy_dataset()
    builder = replace(toy_builder(dataset, folder / "cache"), device=device)
    view = TrainView(dataset)
    return view, Context(view, builder, Reference("toy", student, TOY_RECIPE, "toy"), SeedTree(0), SilentObserver())


def waited(work):
    """Operations for which a GPU would have had to finish while ``work`` ran on it."""
    with pretend_gpu() as device:
        before = len(waits())
        work(device)
        return Counter(waits()[before:])


@pytest.mark.parametrize(("method", "trained"), [*((method, "frozen") for method in PATHS), ("vldd", "all")])
def test_no_inner_step_waits_for_a_gpu(method, trained, tmp_path):
    registry = load_registry()
    kind = registry.get("method", method).options
    given = {key: value for key, value in SMALL.items() if key in {field.name for field in fields(kind)}}

    def condense(device, steps):
        options = parse_options(kind, given | {"inner_steps": steps}, owner=method)
        train_view, context = context_on(device, tmp_path / str(steps), toy_student(train=trained))
        construct(registry, "method", method, options).condense(train_view, Budget(10), context)

    few, many = (waited(lambda device, steps=steps: condense(device, steps)) for steps in (2, 5))
    assert many - few == Counter()


@pytest.mark.parametrize("trained", ["frozen", "all"])
def test_no_step_of_a_student_waits_for_a_gpu(trained, tmp_path):
    def learn(device, steps):
        _, context = context_on(device, tmp_path, toy_student(train=trained))
        train(context.student, context.full_set(), Recipe(steps, 10, 0.1, noise=0.5), SeedTree(0))

    few, many = (waited(lambda device, steps=steps: learn(device, steps)) for steps in (2, 5))
    assert many - few == Counter()


def test_reading_a_number_copying_and_an_index_of_the_cpu_are_waited_for():
    def work(device):
        import torch

        values = torch.arange(6.0).to(device)
        values[torch.tensor([1, 2])].sum().item()
        values[values > 2].cpu()

    assert waited(work) == Counter(
        ["aten::_to_copy", "aten::index", "aten::_local_scalar_dense", "aten::index", "aten::_to_copy"]
    )

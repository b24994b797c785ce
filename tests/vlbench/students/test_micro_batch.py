"""A trained encoder in micro-batches against the whole batch at once: every derivative, and the memory."""

import dataclasses

import pytest
import torch

from vlbench.errors import ProtocolError
from vlbench.matching import Segment, match
from vlbench.seeds import SeedTree
from vlbench.students.heads import HeadConfig
from vlbench.students.micro_batch import in_micro_batches
from vlbench.testing import toy_builder, toy_dataset, toy_student

PAIRS, SIZES = 10, (1, 3, 4, 10)


@pytest.fixture
def student(tmp_path):
    """Micro-batch -> a student in float64 whose image encoder is trained, and a batch of its inputs."""
    builder = toy_builder(toy_dataset(), tmp_path)

    def build(micro_batch, train="all", dropout=0.0):
        config = dataclasses.replace(toy_student(train=train), micro_batch=micro_batch)
        image = dataclasses.replace(config.towers["image"], head=HeadConfig("residual", 8, dropout=dropout))
        made = builder.student("toy", dataclasses.replace(config, towers={**config.towers, "image": image}))
        inputs = builder.tower_inputs(made, "train")
        for tower in made.towers.values():
            tower.trained.double()
        at = torch.arange(PAIRS)
        return made, {side: inputs.take(side, at).double() for side in made.sides}

    return build


def matched(student, batch, steps=3):
    """Loss and gradients of a short segment."""
    start = {name: flat.double() for name, flat in student.start(SeedTree(0)).items()}
    generator = torch.Generator().manual_seed(1)
    target = {n: v + 0.05 * torch.randn(v.shape, generator=generator, dtype=v.dtype) for n, v in start.items()}
    rates = {name: torch.tensor(0.05, dtype=torch.float64) for name in start}

    def loss(inputs, parameters, step):
        with student.training(step):
            return student.loss(inputs, parameters)

    batches = [torch.arange(PAIRS)[: PAIRS - step] for step in range(steps)]
    return match(loss, batch, Segment(start, target), rates=rates, batches=batches, sides=student.sides)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("size", SIZES)
def test_the_gradient_of_matching_is_that_of_the_whole_batch(student, size, dropout):
    whole, some = (matched(*student(micro, dropout=dropout)) for micro in (0, size))
    assert some.ratios == pytest.approx(whole.ratios, rel=1e-9)
    for side in whole.tower_inputs:
        torch.testing.assert_close(some.tower_inputs[side], whole.tower_inputs[side], rtol=1e-8, atol=1e-12)
    for branch in whole.rates:
        torch.testing.assert_close(some.rates[branch], whole.rates[branch], rtol=1e-8, atol=1e-12)


def test_a_step_of_training_is_that_of_the_whole_batch(student):
    found = []
    for micro in (0, 3):
        made, batch = student(micro)
        parameters = {name: flat.double() for name, flat in made.start(SeedTree(0)).items()}
        found.append(made.gradient(batch, parameters))
    for branch in found[0][0]:
        torch.testing.assert_close(found[1][0][branch], found[0][0][branch], rtol=1e-9, atol=1e-12)


def test_only_some_items_are_in_a_graph_at_a_time():
    sizes = []

    def encode(inputs, weight):
        sizes.append(len(inputs))
        return (inputs @ weight.view(4, 4)).tanh()

    inputs = torch.randn(10, 4, requires_grad=True)
    weight = torch.randn(16, requires_grad=True)
    value = in_micro_batches(encode, inputs, [weight], 4).square().sum()
    gradient = torch.autograd.grad(value, [inputs, weight], create_graph=True)
    torch.autograd.grad(sum(part.square().sum() for part in gradient), [inputs, weight])
    assert max(sizes) == 4
    assert sum(sizes) % 10 == 0


def test_a_third_derivative_is_refused_not_wrong():
    weight = torch.randn(16, dtype=torch.float64, requires_grad=True)
    inputs = torch.randn(6, 4, dtype=torch.float64)
    value = in_micro_batches(lambda some, flat: (some @ flat.view(4, 4)).tanh(), inputs, [weight], 2).sum()
    (first,) = torch.autograd.grad(value, weight, create_graph=True)
    with pytest.raises(RuntimeError, match="micro_batch = 0"):
        torch.autograd.grad(first.sum(), weight, create_graph=True)


@pytest.mark.parametrize("value", [-1, 1.5, True])
def test_a_micro_batch_is_a_number_of_items(value):
    with pytest.raises(ProtocolError, match="micro_batch"):
        dataclasses.replace(toy_student(train="all"), micro_batch=value)

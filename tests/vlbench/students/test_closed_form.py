"""The written-out gradient of linear heads against autograd's, in the precision of training and in twice that."""

from dataclasses import replace

import pytest
import torch

from vlbench.seeds import SeedTree
from vlbench.students.heads import HeadConfig
from vlbench.students.losses import LOGIT_GRADIENTS, LOSSES
from vlbench.students.student import TEMPERATURE
from vlbench.testing import toy_builder, toy_dataset, toy_student

COUNTS = {"train": 200, "val": 5, "test": 5}


@pytest.fixture
def builder(tmp_path):
    return toy_builder(toy_dataset(counts=COUNTS), tmp_path)


def drawn_targets(count, dtype=torch.float32):
    generator = torch.Generator().manual_seed(1)
    near = 0.1 * torch.rand(count, count, generator=generator) + torch.diag(torch.rand(count, generator=generator))
    return near.clamp(max=1).to(dtype)


TARGETS = {
    "none": lambda count: None,
    "soft": drawn_targets,
    "nothing matches": lambda count: torch.zeros(count, count),
}


def problem(builder, count=100, **changes):
    """A student, its parameters, and a batch of features."""
    student = builder.student("toy", replace(toy_student(width=32), **changes))
    entries = builder.tower_inputs(student, "train")
    pairs = entries.pairs[torch.arange(count) * 2]
    batch = {side: entries.take(side, pairs[:, column]) for column, side in enumerate(student.sides)}
    return student, student.start(SeedTree(0)), batch


def autograd(student, parameters, batch, targets):
    leaves = {name: flat.clone().requires_grad_() for name, flat in parameters.items()}
    one, two = (student.embed(side, batch[side], leaves) for side in student.sides)
    scale = leaves[TEMPERATURE].exp() if TEMPERATURE in leaves else 1 / student.temperature
    loss = LOSSES[student.objective](one @ two.T * scale, targets)  # not student.loss, which is written out, too
    return dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True)), loss.detach()


def in_float64(student, parameters, batch):
    for tower in student.towers.values():
        tower.trained.double()
    return {name: flat.double() for name, flat in parameters.items()}, {s: v.double() for s, v in batch.items()}


def relative(one, other):
    return float((one - other).norm() / other.norm().clamp_min(1e-30))


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("learn_temperature", [False, True])
@pytest.mark.parametrize("loss", ["info-nce", "wbce"])
def test_it_equals_autograd_within_the_rounding_of_either(builder, loss, learn_temperature, targets):
    student, parameters, batch = problem(builder, loss=loss, learn_temperature=learn_temperature)
    soft = TARGETS[targets](100)
    ours, value = student.gradient(batch, parameters, targets=soft)
    graph, graph_value = autograd(student, parameters, batch, soft)
    assert list(ours) == list(graph) == list(parameters)
    torch.testing.assert_close(value, graph_value)
    exact, exact_batch = in_float64(student, parameters, batch)
    oracle, _ = autograd(student, exact, exact_batch, None if soft is None else soft.double())
    for name in ours:
        assert ours[name].shape == parameters[name].shape
        assert relative(ours[name], graph[name]) < 5e-7, name
        assert relative(ours[name].double(), oracle[name]) < 5e-7, name


@pytest.mark.parametrize("count", [1, 7, 100])
@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("loss", ["info-nce", "wbce"])
def test_in_float64_it_is_autograds_to_the_last_digits(builder, loss, targets, count):
    student, parameters, batch = problem(builder, count, loss=loss, learn_temperature=True)
    parameters, batch = in_float64(student, parameters, batch)
    soft = TARGETS[targets](count)
    soft = None if soft is None else soft.double()
    ours, value = student.gradient(batch, parameters, targets=soft)
    graph, graph_value = autograd(student, parameters, batch, soft)
    torch.testing.assert_close(value, graph_value, rtol=1e-12, atol=1e-15)
    torch.testing.assert_close(ours, graph, rtol=1e-9, atol=1e-13)


def test_an_item_whose_features_are_zero_gives_no_number_that_is_not_finite(builder):
    student, parameters, batch = problem(builder, 5)
    batch["image"][2] = 0
    ours, _ = student.gradient(batch, parameters)
    graph, _ = autograd(student, parameters, batch, None)
    torch.testing.assert_close(ours, graph)


def test_batch_and_parameters_stay_as_they_were(builder):
    student, parameters, batch = problem(builder, learn_temperature=True)
    before = {name: value.clone() for name, value in (parameters | batch).items()}
    student.gradient(batch, parameters, targets=drawn_targets(100))
    assert all(torch.equal(value, before[name]) for name, value in (parameters | batch).items())


@pytest.mark.parametrize("change", [{"train": "all"}, {"head": HeadConfig("residual", 32)}])
def test_any_other_student_keeps_autograd(builder, change, monkeypatch):
    config = toy_student(width=32)
    towers = {**config.towers, "image": replace(config.towers["image"], **change)}
    student, parameters, batch = problem(builder, 10, towers=towers)
    monkeypatch.setattr("vlbench.students.student.head_gradient", None)
    ours, _ = student.gradient(batch, parameters)
    graph, _ = autograd(student, parameters, batch, None)
    torch.testing.assert_close(ours, graph)


def test_every_loss_has_its_gradient_written_out():
    assert set(LOGIT_GRADIENTS) == set(LOSSES)

"""The precision of a trained encoder's passes: what it changes, and what stays float32."""

from dataclasses import replace

import pytest
import torch

from vlbench.errors import ProtocolError
from vlbench.protocol.protocol import parse_student
from vlbench.seeds import SeedTree
from vlbench.students import Recipe, train
from vlbench.students.training_sets import full_selection, training_set
from vlbench.testing import toy_builder, toy_dataset, toy_student


def trained(folder, precision):
    builder = toy_builder(toy_dataset(), folder)
    student = builder.student("toy", replace(toy_student(train="all"), precision=precision))
    inputs = builder.tower_inputs(student, "train")
    data = training_set(full_selection(inputs.pairs, "any"), student, inputs)
    return student, data, train(student, data, Recipe(20, 20, 0.1), SeedTree(0))


def test_bf16_changes_a_trained_student_a_little_and_keeps_its_numbers_float32(tmp_path):
    student, data, low = trained(tmp_path, "bf16")
    _, _, full = trained(tmp_path, "float32")
    for name in full:
        difference = float((low[name] - full[name]).norm() / full[name].norm())
        assert 0 < difference < 0.05
        assert low[name].dtype == torch.float32
    batch = data.tower_inputs(torch.arange(8))
    embeddings = student.embed("image", batch["image"], low)
    assert embeddings.dtype == torch.float32
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(8))


def test_bf16_can_be_differentiated_twice(tmp_path):
    student, data, parameters = trained(tmp_path, "bf16")
    leaves = {name: flat.clone().requires_grad_() for name, flat in parameters.items()}
    loss = student.loss(data.tower_inputs(torch.arange(8)), leaves)
    first = torch.autograd.grad(loss, list(leaves.values()), create_graph=True)
    second = torch.autograd.grad(sum(part.square().sum() for part in first), list(leaves.values()))
    assert all(bool(part.isfinite().all()) and bool(part.any()) for part in second)


def test_tf32_is_float32_where_there_is_no_gpu(tmp_path):
    _, _, one = trained(tmp_path, "tf32")
    _, _, other = trained(tmp_path, "float32")
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_precision_that_does_not_exist_and_one_that_changes_nothing_are_refused():
    tower = {"encoder": "toy"}
    with pytest.raises(ProtocolError, match="Allowed: float32, tf32, bf16"):
        parse_student({"precision": "float16", "image": tower, "text": tower}, "here")
    with pytest.raises(ProtocolError, match="none is trained here"):
        parse_student({"precision": "bf16", "image": tower, "text": tower}, "here")
    assert (
        parse_student({"precision": "bf16", "image": tower | {"train": "all"}, "text": tower}, "x").precision == "bf16"
    )
    assert parse_student({"image": tower, "text": tower}, "here").precision == "float32"

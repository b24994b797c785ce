"""Batches one ahead of the device: the same ones, begun early, and an error where it belongs."""

import threading

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from vlbench.seeds import SeedTree
from vlbench.students.ahead import one_ahead
from vlbench.students.training import Recipe, train
from vlbench.testing import toy_context, toy_dataset, toy_student


def test_the_next_batch_is_begun_while_the_one_before_is_used():
    begun = [threading.Event() for _ in range(4)]

    def fetch(number):
        begun[number].set()
        return number

    batches = one_ahead(fetch, 0, 4, ahead=True)
    for number in range(3):
        assert next(batches) == number
        assert begun[number + 1].wait(10)
        assert number == 2 or not begun[number + 2].is_set()  # one, and no more
    assert next(batches) == 3


@pytest.mark.parametrize("ahead", [False, True])
def test_nothing_is_fetched_where_nothing_is_wanted(ahead):
    assert list(one_ahead(pytest.fail, 3, 3, ahead=ahead)) == []


@pytest.mark.parametrize("ahead", [False, True])
def test_an_error_of_a_batch_comes_where_the_batch_would(ahead):
    batches = one_ahead(lambda number: 1 // (2 - number), 0, 4, ahead=ahead)
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(batches)


def test_a_student_is_the_same_whoever_fetches_its_batches(tmp_path, monkeypatch):
    _, context = toy_context(toy_dataset(), tmp_path)
    words = context.student, context.full_set(), Recipe(6, 10, 0.1, noise=0.5), SeedTree(0)
    here = train(*words)
    monkeypatch.setattr(
        "vlbench.students.training.one_ahead", lambda *numbers, ahead: one_ahead(*numbers, ahead=not ahead)
    )
    other = train(*words)
    assert all(torch.equal(flat, other[branch]) for branch, flat in here.items())


class Waits(TorchDispatchMode):
    """Counts where a GPU would have to finish before the program goes on."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        there = any(isinstance(value, torch.Tensor) and value.is_floating_point() for value in args)
        self.count += there and func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("trained", ["frozen", "all"])
def test_no_step_of_a_students_training_waits_for_a_number(trained, tmp_path):
    _, context = toy_context(toy_dataset(), tmp_path, student=toy_student(train=trained))
    data, counts = context.full_set(), []
    for steps in (1, 6):
        with Waits() as waits:
            train(context.student, data, Recipe(steps, 10, 0.1, noise=0.5), SeedTree(0))
        counts.append(waits.count)
    assert counts[0] == counts[1]

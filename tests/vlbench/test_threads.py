"""Threads wait without spinning, students train side by side, and neither changes a number."""

import os
import subprocess
import sys
import threading

import pytest
import torch

from vlbench.errors import DivergedError
from vlbench.evaluation.evaluate import Evaluator
from vlbench.seeds import SeedTree
from vlbench.students import Recipe
from vlbench.students.training_sets import full_selection, training_set
from vlbench.testing import toy_builder, toy_dataset, toy_student
from vlbench.threads import one_thread, side_by_side

GRID = [Recipe(12, 20, rate) for rate in (0.01, 0.1, 0.3, 1.0)]


@pytest.fixture
def four_threads():
    """As on a machine of four cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def outcome(tmp_path):
    """Choose a setting and score five students, on so many threads."""
    builder = toy_builder(toy_dataset(), tmp_path)
    student = builder.student("toy", toy_student())
    inputs = {split: builder.tower_inputs(student, split) for split in ("train", "val", "test")}

    def run(grid=GRID):
        evaluator = Evaluator(student, inputs, grid)
        data = training_set(full_selection(inputs["train"].pairs, "any"), student, inputs["train"])
        steps = []
        found = evaluator.outcome(data, SeedTree(0), 5, lambda: steps.append(threading.current_thread()))
        assert steps == [threading.main_thread()] * (len(steps))
        assert len(steps) == 5 + len(grid)
        return found, evaluator

    return run


def test_students_side_by_side_are_those_one_after_the_other(outcome, request):
    alone, _ = outcome()
    request.getfixturevalue("four_threads")
    together, evaluator = outcome()
    assert together.chosen == alone.chosen
    for one, other in zip(together.ranks, alone.ranks, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)
    assert evaluator.score_s > 0
    assert torch.get_num_threads() == 4


@pytest.mark.usefixtures("four_threads")
def test_a_setting_that_diverges_is_out_and_all_of_them_are_an_error(outcome):
    wild = Recipe(12, 20, learning_rate=1e38)
    found, _ = outcome([wild, GRID[1], wild])
    assert found.chosen == GRID[1]
    with pytest.raises(DivergedError, match="every setting"):
        outcome([wild, wild])


@pytest.mark.usefixtures("four_threads")
def test_jobs_run_at_the_same_time_on_one_thread_each_and_answer_in_order():
    meeting = threading.Barrier(4, timeout=20)

    def job(index):
        meeting.wait()
        return index, torch.get_num_threads()

    assert list(side_by_side([lambda index=index: job(index) for index in range(4)])) == [(i, 1) for i in range(4)]


@pytest.mark.usefixtures("four_threads")
def test_the_first_error_is_raised_and_what_has_not_begun_is_left_out():
    begun = []

    def job(index):
        begun.append(index)
        if index == 0:
            raise DivergedError("no")
        threading.Event().wait(0.2)

    with pytest.raises(DivergedError, match="no"):
        list(side_by_side([lambda index=index: job(index) for index in range(40)]))
    assert len(begun) < 20
    assert torch.get_num_threads() == 4


@pytest.mark.usefixtures("four_threads")
def test_work_on_one_thread_leaves_the_number_of_threads_as_it_was():
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 4


SHOW = "import os, vlbench.cli.main as cli; cli.main(['--version'], standalone_mode=False); print(os.environ.get(%r))"


def variable(name, **given):
    plain = {key: value for key, value in os.environ.items() if key != name}
    done = subprocess.run([sys.executable, "-c", SHOW % name], env=plain | given, capture_output=True, text=True)
    return done.stdout.split()[-1]


def test_the_program_makes_threads_wait_without_spinning_unless_the_user_says_how():
    assert variable("OMP_WAIT_POLICY") == "passive"
    assert variable("OMP_WAIT_POLICY", OMP_WAIT_POLICY="active") == "active"

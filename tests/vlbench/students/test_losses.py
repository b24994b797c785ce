"""What students minimise, against sums written out."""

import math
from dataclasses import replace

import pytest
import torch

from vlbench.errors import ProtocolError
from vlbench.seeds import SeedTree
from vlbench.testing import toy_builder, toy_dataset, toy_student

COUNT = 5


@pytest.fixture
def problem(tmp_path):
    """Loss name -> a student in float64, its parameters, a batch, and the batch's logits."""
    builder = toy_builder(toy_dataset(), tmp_path)

    def make(loss):
        student = builder.student("toy", replace(toy_student(), loss=loss))
        entries = builder.tower_inputs(student, "train")
        pairs = entries.pairs[torch.arange(COUNT) * 2]
        batch = {side: entries.take(side, pairs[:, column]).double() for column, side in enumerate(student.sides)}
        for tower in student.towers.values():
            tower.trained.double()
        parameters = {name: flat.double() for name, flat in student.start(SeedTree(0)).items()}
        one, two = (student.embed(side, batch[side], parameters) for side in student.sides)
        return student, parameters, batch, (one @ two.T / 0.07).tolist()

    return make


def drawn(rows=COUNT):
    return torch.rand(rows, rows, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("loss", ["info-nce", "wbce"])
def test_identity_targets_are_no_targets(problem, loss):
    student, parameters, batch, _ = problem(loss)
    gradient, plain = student.gradient(batch, parameters)
    soft_gradient, soft = student.gradient(batch, parameters, targets=torch.eye(COUNT, dtype=torch.float64))
    torch.testing.assert_close(soft, plain, rtol=1e-12, atol=0)
    torch.testing.assert_close(soft_gradient, gradient, rtol=1e-10, atol=1e-14)


def test_info_nce_is_the_mean_of_log_probabilities_weighted_by_the_targets(problem):
    student, parameters, batch, logits = problem("info-nce")
    targets, total = drawn(), 0.0
    for i in range(COUNT):
        for j in range(COUNT):
            row = logits[i][j] - math.log(sum(math.exp(logits[i][k]) for k in range(COUNT)))
            column = logits[i][j] - math.log(sum(math.exp(logits[k][j]) for k in range(COUNT)))
            total -= float(targets[i, j]) * (row + column) / 2
    expected = total / float(targets.sum())
    assert float(student.loss(batch, parameters, targets=targets)) == pytest.approx(expected, rel=1e-12)
    assert float(student.loss(batch, parameters, targets=targets / 7)) == pytest.approx(expected, rel=1e-12)


def test_a_batch_in_which_nothing_matches_trains_nothing(problem):
    student, parameters, batch, _ = problem("info-nce")
    gradient, loss = student.gradient(batch, parameters, targets=torch.zeros(COUNT, COUNT, dtype=torch.float64))
    assert float(loss) == 0
    assert all(not bool(part.any()) for part in gradient.values())


@pytest.mark.parametrize("soft", [False, True])
def test_wbce_averages_the_means_over_entries_that_match_and_that_do_not(problem, soft):
    student, parameters, batch, logits = problem("wbce")
    targets = drawn() if soft else torch.eye(COUNT, dtype=torch.float64)
    groups = {True: [], False: []}
    for i in range(COUNT):
        for j in range(COUNT):
            target, p = float(targets[i, j]), 1 / (1 + math.exp(-logits[i][j]))
            groups[target > 0.5].append(-target * math.log(p) - (1 - target) * math.log(1 - p))
    expected = sum(sum(group) / len(group) for group in groups.values()) / 2
    found = student.loss(batch, parameters, targets=targets if soft else None)
    assert float(found) == pytest.approx(expected, rel=1e-9)
    alone = {side: values[:1] for side, values in batch.items()}
    assert math.isfinite(float(student.loss(alone, parameters))), "one pair alone has nothing that does not match"


def test_a_loss_that_does_not_exist_is_refused():
    with pytest.raises(ProtocolError, match=r"loss = 'bce' is not allowed. Allowed: info-nce, wbce"):
        replace(toy_student(), loss="bce")

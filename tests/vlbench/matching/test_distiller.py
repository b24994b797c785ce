"""What all distillers share: time limit, averages, settings in the record."""

import pytest
import torch

from vlbench import Budget, TrainView
from vlbench.matching import LearnOptions, LossDistiller, settings_of_loss


class Means(LossDistiller):
    """Pairs whose mean is that of the data."""

    def __init__(self, options, **more):
        super().__init__(options)
        self.more = more

    def settings(self, task):
        return settings_of_loss(**{"outer_steps": 30, "item_rate": 0.1, "vector_rate": 0.1, **self.more})

    def loss(self, student, tower_inputs, draw):
        return sum(values.mean(0).square().sum() for values in tower_inputs.values())


def learn(run, context, *, more=None, **options):
    return Means(LearnOptions(**options), **(more or {})).condense(TrainView(run.dataset), Budget(6), context)


def test_a_loss_alone_makes_a_distiller(toy_run):
    run = toy_run()
    context = run.context()
    artifact = learn(run, context)
    assert context.curves["loss"][-1] < 0.1 * context.curves["loss"][0]
    assert artifact.sides["image"].dtype == torch.uint8
    assert len(artifact.start) == 6
    assert context.resolved["outer_steps"] == 30
    assert "experts" not in context.resolved


def test_a_time_limit_ends_learning_early_and_whole(toy_run):
    run = toy_run()
    context = run.context()
    artifact = learn(run, context, seconds=1e-6)
    assert context.curves == {}
    start = run.context().training_set(artifact.start)
    text = run.context().student.towers["text"].from_features(artifact.sides["text"])
    torch.testing.assert_close(text, start.take("text", torch.arange(6)), rtol=0, atol=1e-5)
    context = run.context()
    learn(run, context, seconds=1000)
    assert len(context.curves["loss"]) == 30


def test_an_average_of_what_was_learned_lies_between_start_and_end(toy_run):
    run = toy_run()
    last = learn(run, run.context())
    mean = learn(run, run.context(), more={"ema": 0.99})
    first = learn(run, run.context(), seconds=1e-6)
    ways = [float((one.sides["text"] - first.sides["text"]).norm()) for one in (mean, last)]
    assert 0 < ways[0] < ways[1]


@pytest.mark.parametrize("learn_side", ["image", "text"])
def test_one_side_alone_is_learned(toy_run, learn_side):
    run = toy_run()
    other = {"image": "text", "text": "image"}[learn_side]
    first, one = learn(run, run.context(), seconds=1e-6), learn(run, run.context(), learn=learn_side)
    assert float((one.sides[other].float() - first.sides[other].float()).abs().max()) < 1e-5
    assert float((one.sides[learn_side].float() - first.sides[learn_side].float()).abs().max()) > 0.01

"""The outer optimiser."""

import pytest
import torch

from vlbench.matching.outer import Outer, clip, cosine, outer_start, outer_step


def run(outer, gradients):
    variables = {"x": torch.tensor([1.0, -2.0])}
    state = outer_start(variables)
    for step, gradient in enumerate(gradients):
        variables, state = outer_step(outer, variables, {"x": gradient}, state=state, step=step)
    return variables["x"]


def test_adam_equals_that_of_torch_while_nothing_is_clipped():
    gradients = [torch.tensor([0.3, -0.1]), torch.tensor([0.2, 0.2]), torch.tensor([-0.3, 0.1])]
    reference = torch.tensor([1.0, -2.0], requires_grad=True)
    optimiser = torch.optim.Adam([reference], lr=0.1, betas=(0.9, 0.99), eps=1e-12)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 3)
    for gradient in gradients:
        reference.grad = gradient.clone()
        optimiser.step()
        schedule.step()
    torch.testing.assert_close(run(Outer("adam", {"x": 0.1}, 3), gradients), reference.detach())


def test_sgd_keeps_half_of_its_last_step():
    gradients = [torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])]
    expected = torch.tensor([1 - 0.1 - 0.05, -2 - 0.1])
    torch.testing.assert_close(run(Outer("sgd", {"x": 0.1}, 2), gradients), expected)


def test_a_sudden_gradient_is_cut_at_twice_the_running_norm():
    norm = torch.zeros(())
    for step in range(5):
        kept, norm = clip(torch.tensor([3.0, 4.0]), norm, step)
        torch.testing.assert_close(kept, torch.tensor([3.0, 4.0]))
    kept, _ = clip(torch.tensor([300.0, 400.0]), norm, 5)
    assert float(kept.norm()) == pytest.approx(10, rel=1e-5)


def test_the_cosine_runs_from_one_to_zero():
    assert [cosine(step, 4) for step in (0, 2, 4)] == pytest.approx([1, 0.5, 0])


def test_inputs_are_not_changed():
    variables, gradients = {"x": torch.ones(2)}, {"x": torch.ones(2)}
    state = outer_start(variables)
    outer_step(Outer("adam", {"x": 0.1}, 3), variables, gradients, state=state, step=0)
    assert torch.equal(variables["x"], torch.ones(2))
    assert torch.equal(state["first.x"], torch.zeros(2))

"""The written-out derivatives of two linear heads' loss against autograd's through single operations."""

import pytest
import torch
from torch.nn import functional as F

from vlbench.students.losses import info_nce
from vlbench.students.pair_loss import pair_loss

TEMPERATURE = 0.3


def step_by_step(one, two, temperature, targets):
    return info_nce(F.normalize(one, dim=1) @ F.normalize(two, dim=1).T / temperature, targets)


def soft(count, dtype):
    targets = torch.rand(count, count, generator=torch.Generator().manual_seed(3), dtype=dtype)
    targets[0] = 0  # an item that matches nothing
    return targets


TARGETS = {"none": lambda *_: None, "soft": soft, "nothing matches": lambda n, dtype: torch.zeros(n, n, dtype=dtype)}


def drawn(count, *, dtype=torch.float64, width=5):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(count, width, generator=generator, dtype=dtype).requires_grad_() for _ in range(2)]


def derivatives(loss, sides, targets, order):
    """Values of the loss, its gradient, and gradients of a fixed weighting of the one before, up to an order."""
    generator = torch.Generator().manual_seed(1)
    found = [loss(*sides, TEMPERATURE, targets)]
    value = found[0]
    for _ in range(order):
        gradient = torch.autograd.grad(value, sides, create_graph=True)
        found += [part.detach() for part in gradient]
        weights = [torch.randn(part.shape, generator=generator, dtype=part.dtype) for part in gradient]
        value = sum((part * weight).sum() for part, weight in zip(gradient, weights, strict=True))
    return found


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("count", [1, 2, 9])
def test_three_derivatives_are_those_of_single_operations(targets, count):
    sides, given = drawn(count), TARGETS[targets](count, torch.float64)
    ours, theirs = (derivatives(loss, sides, given, order=3) for loss in (pair_loss, step_by_step))
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-10)


def test_second_derivatives_in_float32_are_right_to_its_rounding():
    sides = drawn(100, dtype=torch.float32, width=64)
    exact = [side.detach().double().requires_grad_() for side in sides]

    def product(loss, at):
        gradient = torch.autograd.grad(loss(*at, 0.07, None), at, create_graph=True)
        return torch.autograd.grad(sum(part.square().sum() for part in gradient), at)

    for one, other in zip(product(pair_loss, sides), product(step_by_step, exact), strict=True):
        assert float((one.double() - other).norm() / other.norm()) < 2e-6


def test_embeddings_that_need_no_gradient_get_none():
    one, two = drawn(4)
    (gradient,) = torch.autograd.grad(pair_loss(one, two.detach(), TEMPERATURE, None), one)
    (other,) = torch.autograd.grad(step_by_step(one, two.detach(), TEMPERATURE, None), one)
    torch.testing.assert_close(gradient, other)

"""Trajectory matching and its exact gradient in memory that does not grow with the number of inner steps.

A student starts at an expert's snapshot and takes plain SGD steps on the learned pairs; the loss is how far from the
expert's later snapshot it ends. Unrolling keeps the graph of every inner step. Here only the parameters of each inner
step are kept, and the path is walked backwards with one Hessian-vector product per step, which gives the same gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

Parameters = dict[str, Tensor]
"""Branch name -> flat vector [parameter]."""
Entries = dict[str, Tensor]
"""Side name -> what the student's trained part reads [pair, ...]."""
Rates = dict[str, Tensor]
"""Branch name -> inner step size, a scalar."""
Loss = Callable[[Entries, Parameters, int], Tensor]
"""Student's loss of a batch of tower inputs and parameters at an inner step, which seeds dropout where there is any."""


@dataclass(frozen=True)
class Segment:
    """A stretch of an expert's trajectory: where the student starts and where it should end."""

    start: Parameters
    target: Parameters


@dataclass(frozen=True)
class Matched:
    """The value and gradient of a matching loss.

    Attributes:
        ratios: branch -> squared distance left, as a share of the segment's; their sum is the loss.
        tower_inputs: side -> gradient with respect to the tower_inputs [pair, ...].
        rates: branch -> gradient with respect to the inner step size, a scalar.
    """

    ratios: dict[str, float]
    tower_inputs: Entries
    rates: Rates

    @property
    def loss(self) -> float:
        """Sum over branches; 1 per branch means no better than not moving."""
        return sum(self.ratios.values())


def matching_loss(end: Parameters, segment: Segment) -> dict[str, Float[Tensor, ""]]:
    """Branch -> |end - target|^2 / |start - target|^2 (Cazenavette et al. 2022, eq. 2; per branch as in VLDD)."""
    return {
        branch: (end[branch] - target).square().sum() / _length(segment, branch)
        for branch, target in segment.target.items()
    }


def inner_path(
    loss: Loss, tower_inputs: Entries, start: Parameters, rates: Rates, batches: Sequence[Int[Tensor, " batch"]]
) -> list[Parameters]:
    """Parameters before the first and after every inner step of plain SGD, without graph.

    Args:
        loss: of the student.
        tower_inputs: of all learned pairs.
        start: parameters before the first step.
        rates: step size of every branch.
        batches: positions in ``tower_inputs`` that each step trains on.
    """
    path = [{branch: flat.detach() for branch, flat in start.items()}]
    for step, batch in enumerate(batches):
        gradient = _gradient(loss, _take(tower_inputs, batch), path[-1], step)
        path.append({branch: flat - rates[branch] * gradient[branch] for branch, flat in path[-1].items()})
    return path


def match(
    loss: Loss,
    tower_inputs: Entries,
    segment: Segment,
    *,
    rates: Rates,
    batches: Sequence[Int[Tensor, " batch"]],
    sides: Sequence[str],
) -> Matched:
    """Matching loss of a segment with its exact gradient.

    Writing u for the gradient at the end of an inner step theta' = theta - a g(theta, x), the step adds
    -a u^T dg/dx to the gradient of x, -u^T g to that of a, and hands (1 - a dg/dtheta)^T u to the step before it.
    The products with dg are those of one backward pass through g.

    Args:
        loss: of the student.
        tower_inputs: of all learned pairs, without graph.
        segment: what is matched.
        rates: step size of every branch.
        batches: positions in ``tower_inputs`` that each inner step trains on.
        sides: for which tower_inputs a gradient is wanted.
    """
    tower_inputs = {side: values.detach() for side, values in tower_inputs.items()}
    rates = {branch: rate.detach() for branch, rate in rates.items()}
    path = inner_path(loss, tower_inputs, segment.start, rates, batches)
    ratios = {branch: float(ratio) for branch, ratio in matching_loss(path[-1], segment).items()}
    pull = {
        branch: 2 * (path[-1][branch] - target) / _length(segment, branch) for branch, target in segment.target.items()
    }
    entry_gradient = {side: torch.zeros_like(tower_inputs[side]) for side in sides}
    rate_gradient = {branch: torch.zeros_like(rate) for branch, rate in rates.items()}
    for step in reversed(range(len(batches))):
        batch = _take(tower_inputs, batches[step])
        cotangent = {branch: -rates[branch] * pull[branch] for branch in pull}
        gradient, by_parameters, by_entries = _pull_back(loss, batch, path.pop(-2), cotangent, step=step, sides=sides)
        for branch in pull:
            rate_gradient[branch] -= pull[branch] @ gradient[branch]
            pull[branch] = pull[branch] + by_parameters[branch]
        for side in sides:
            entry_gradient[side].index_add_(0, batches[step], by_entries[side])
    return Matched(ratios, entry_gradient, rate_gradient)


def _pull_back(
    loss: Loss, tower_inputs: Entries, parameters: Parameters, cotangent: Parameters, *, step: int, sides: Sequence[str]
) -> tuple[Parameters, Parameters, Entries]:
    """The student's gradient g, and cotangent^T dg with respect to parameters and to tower_inputs."""
    leaves = {branch: flat.detach().requires_grad_() for branch, flat in parameters.items()}
    inputs = {side: values.detach().requires_grad_(side in sides) for side, values in tower_inputs.items()}
    gradient = torch.autograd.grad(loss(inputs, leaves, step), list(leaves.values()), create_graph=True)
    product = torch.stack([part @ cotangent[branch] for branch, part in zip(leaves, gradient, strict=True)]).sum()
    wanted = [*leaves.values(), *(inputs[side] for side in sides)]
    back = torch.autograd.grad(product, wanted, allow_unused=True, materialize_grads=True)
    return (
        {branch: part.detach() for branch, part in zip(leaves, gradient, strict=True)},
        dict(zip(leaves, back[: len(leaves)], strict=True)),
        dict(zip(sides, back[len(leaves) :], strict=True)),
    )


def _gradient(loss: Loss, tower_inputs: Entries, parameters: Parameters, step: int) -> Parameters:
    leaves = {branch: flat.detach().requires_grad_() for branch, flat in parameters.items()}
    return dict(zip(leaves, torch.autograd.grad(loss(tower_inputs, leaves, step), list(leaves.values())), strict=True))


def _take(tower_inputs: Entries, batch: Int[Tensor, " batch"]) -> Entries:
    return {side: values[batch] for side, values in tower_inputs.items()}


def _length(segment: Segment, branch: str) -> Float[Tensor, ""]:
    """Squared length of a segment; an expert that has not moved gives a loss that is large, not undefined."""
    length: Tensor = (segment.start[branch] - segment.target[branch]).square().sum()
    return length.clamp_min(torch.finfo(length.dtype).tiny ** 0.5)

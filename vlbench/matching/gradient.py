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
Inputs = dict[str, Tensor]
"""Side name -> what the student's trained part reads [pair, ...]."""
Rates = dict[str, Tensor]
"""Branch name -> inner step size, a scalar."""
Loss = Callable[[Inputs, Parameters, int], Tensor]
"""Student's loss of a batch of tower inputs and parameters at an inner step, which seeds dropout where there is any."""


@dataclass(frozen=True)
class Segment:
    """A stretch of an expert's trajectory: where the student starts and where it should end.

    Attributes:
        start, target: parameters.
        merged: distances are counted as a share of all branches' length, not each of its own.

    Examples:
        >>> import torch
        >>> from vlbench.matching import Segment, matching_loss
        >>> segment = Segment({"w": torch.zeros(2)}, {"w": torch.ones(2)})
        >>> matching_loss(segment.start, segment)["w"]  # no better than not moving
        tensor(1.)
    """

    start: Parameters
    target: Parameters
    merged: bool = False


@dataclass(frozen=True)
class Matched:
    """The value and gradient of a matching loss.

    Attributes:
        ratios: branch -> squared distance left, as a share of the segment's; their sum is the loss.
        tower_inputs: side -> gradient with respect to the tower inputs [pair, ...].
        rates: branch -> gradient with respect to the inner step size, a scalar.
    """

    ratios: dict[str, float]
    tower_inputs: Inputs
    rates: Rates

    @property
    def loss(self) -> float:
        """Sum over branches; 1 per branch means no better than not moving."""
        return sum(self.ratios.values())


def matching_loss(end: Parameters, segment: Segment) -> dict[str, Float[Tensor, ""]]:
    """Branch -> |end - target|^2 / |start - target|^2 (Cazenavette et al. 2022, eq. 2; per branch as in VLDD).

    Of a merged segment the sum is that of all distances over that of all lengths (LoRS, its scripts for COCO).

    Examples:
        >>> import torch
        >>> from vlbench.matching import Segment, matching_loss
        >>> segment = Segment({"a": torch.zeros(1), "b": torch.zeros(1)}, {"a": torch.ones(1), "b": torch.ones(1) * 2})
        >>> {branch: float(part) for branch, part in matching_loss(segment.start, segment).items()}
        {'a': 1.0, 'b': 1.0}
    """
    return {
        branch: (end[branch] - target).square().sum() / _length(segment, branch)
        for branch, target in segment.target.items()
    }


def inner_path(
    loss: Loss, tower_inputs: Inputs, start: Parameters, rates: Rates, batches: Sequence[Int[Tensor, " batch"]]
) -> list[Parameters]:
    """Parameters before the first and after every inner step of plain SGD, without graph.

    Args:
        loss: of the student.
        tower_inputs: of all learned pairs.
        start: parameters before the first step.
        rates: step size of every branch.
        batches: positions in ``tower_inputs`` that each step trains on.

    Examples:
        >>> import torch
        >>> from vlbench.matching import inner_path
        >>> def loss(inputs, parameters, step):
        ...     return (parameters["w"] - inputs["x"].mean()).square().sum() / 2
        >>> inputs, rates = {"x": torch.ones(2)}, {"w": torch.tensor(0.5)}
        >>> path = inner_path(loss, inputs, {"w": torch.zeros(1)}, rates, [torch.arange(2)] * 2)
        >>> [float(parameters["w"]) for parameters in path]
        [0.0, 0.5, 0.75]
    """
    path = [{branch: flat.detach() for branch, flat in start.items()}]
    for step, batch in enumerate(batches):
        gradient = _gradient(loss, _take(tower_inputs, batch), path[-1], step)
        path.append({branch: flat - rates[branch] * gradient[branch] for branch, flat in path[-1].items()})
    return path


def match(
    loss: Loss,
    tower_inputs: Inputs,
    segment: Segment,
    *,
    rates: Rates,
    batches: Sequence[Int[Tensor, " batch"]],
    sides: Sequence[str],
    indirect: bool = True,
    keep: bool = False,
) -> Matched:
    """Matching loss of a segment with its exact gradient, of any loss of the student.

    Writing u for the gradient at the end of an inner step theta' = theta - a g(theta, x), the step adds
    -a u^T dg/dx to the gradient of x, -u^T g to that of a, and hands (1 - a dg/dtheta)^T u to the step before it.
    The products with dg are those of one backward pass through g.

    Args:
        loss: of the student.
        tower_inputs: of all learned pairs, without graph.
        segment: what is matched.
        rates: step size of every branch.
        batches: positions in ``tower_inputs`` that each inner step trains on.
        sides: for which tower inputs a gradient is wanted.
        indirect: with False a step hands u on as it is, as if later gradients did not depend on where it led.
        keep: the graph of each inner step alone is kept, not made again on the way back: faster where it is small.

    Examples:
        >>> import torch
        >>> from vlbench.matching import Segment, match
        >>> def loss(inputs, parameters, step):  # a student with one weight that follows the mean of its inputs
        ...     return (parameters["w"] - inputs["x"].mean()).square().sum()
        >>> segment = Segment({"w": torch.zeros(1)}, {"w": torch.ones(1)})
        >>> inputs, rates = {"x": torch.full((2,), 0.5)}, {"w": torch.tensor(0.25)}
        >>> found = match(loss, inputs, segment, rates=rates, batches=[torch.arange(2)], sides=["x"])
        >>> found.loss, found.tower_inputs["x"]  # the end is 0.25: (0.25 - 1)^2, and 2 (0.25 - 1) 0.5 / 2
        (0.5625, tensor([-0.3750, -0.3750]))
    """
    tower_inputs = {side: values.detach() for side, values in tower_inputs.items()}
    rates = {branch: rate.detach() for branch, rate in rates.items()}
    steps: list[_Step] = []
    if keep:
        path, steps = _path_of_steps(loss, tower_inputs, segment.start, rates=rates, batches=batches, sides=sides)
    else:
        path = inner_path(loss, tower_inputs, segment.start, rates, batches)
    ratios = {branch: float(ratio) for branch, ratio in matching_loss(path[-1], segment).items()}
    pull = {
        branch: 2 * (path[-1][branch] - target) / _length(segment, branch) for branch, target in segment.target.items()
    }
    entry_gradient = {side: torch.zeros_like(tower_inputs[side]) for side in sides}
    rate_gradient = {branch: torch.zeros_like(rate) for branch, rate in rates.items()}
    for step in reversed(range(len(batches))):
        before = path.pop(-2)
        here = steps.pop() if keep else _step(loss, _take(tower_inputs, batches[step]), before, step=step, sides=sides)
        cotangent = {branch: -rates[branch] * pull[branch] for branch in pull}
        by_parameters, by_entries = here.pull_back(cotangent, sides)
        for branch in pull:
            rate_gradient[branch] -= pull[branch] @ here.gradient[branch].detach()
            if indirect:
                pull[branch] = pull[branch] + by_parameters[branch]
        for side in sides:
            entry_gradient[side].index_add_(0, batches[step], by_entries[side])
    return Matched(ratios, entry_gradient, rate_gradient)


def tesla(
    loss: Loss,
    tower_inputs: Inputs,
    segment: Segment,
    *,
    rates: Rates,
    batches: Sequence[Int[Tensor, " batch"]],
    sides: Sequence[str],
    keep: bool = False,
) -> Matched:
    """TESLA's gradient (Cui et al. 2023): G, the sum of the inner steps' gradients g_i, counts as constant elsewhere.

    The loss is |start - a G - target|^2 / |start - target|^2, and the gradient that x gets from step i is
    2 (a (target - start) + a^2 G) . dg_i/dx over the same length, with g_i where the path went. That leaves out how a
    step moves the gradients after it, so that it is biased; :func:`match` costs as much and is not.

    Examples:
        >>> import torch
        >>> from vlbench.matching import Segment, match, tesla
        >>> def loss(inputs, parameters, step):
        ...     return (parameters["w"] - inputs["x"].mean()).square().sum() / 2
        >>> problem = loss, {"x": torch.ones(2)}, Segment({"w": torch.zeros(1)}, {"w": torch.full((1,), 2.0)})
        >>> settings = {"rates": {"w": torch.tensor(0.5)}, "batches": [torch.arange(2)] * 2, "sides": ["x"]}
        >>> [way(*problem, **settings).tower_inputs["x"][0].item() for way in (match, tesla)]
        [-0.234375, -0.3125]
    """
    return match(loss, tower_inputs, segment, rates=rates, batches=batches, sides=sides, indirect=False, keep=keep)


def unrolled(
    loss: Loss,
    tower_inputs: Inputs,
    segment: Segment,
    *,
    rates: Rates,
    batches: Sequence[Int[Tensor, " batch"]],
    sides: Sequence[str],
    keep: bool = True,
) -> Matched:
    """The same as :func:`match` by the graph of all inner steps: memory grows with their number.

    For losses that cannot be computed again with the same random numbers, and as an oracle.

    Examples:
        >>> import torch
        >>> from vlbench.matching import Segment, match, unrolled
        >>> def loss(inputs, parameters, step):
        ...     return (parameters["w"] - inputs["x"].mean()).square().sum() / 2
        >>> problem = loss, {"x": torch.ones(2)}, Segment({"w": torch.zeros(1)}, {"w": torch.full((1,), 2.0)})
        >>> settings = {"rates": {"w": torch.tensor(0.5)}, "batches": [torch.arange(2)] * 2, "sides": ["x"]}
        >>> [way(*problem, **settings).tower_inputs["x"][0].item() for way in (match, unrolled)]
        [-0.234375, -0.234375]
    """
    del keep  # all of it is
    inputs = {side: values.detach().requires_grad_(side in sides) for side, values in tower_inputs.items()}
    steps = {branch: rate.detach().requires_grad_() for branch, rate in rates.items()}
    now = {branch: flat.detach().requires_grad_() for branch, flat in segment.start.items()}
    for step, batch in enumerate(batches):
        value = loss(_take(inputs, batch), now, step)
        gradient = torch.autograd.grad(value, list(now.values()), create_graph=True)
        now = {branch: now[branch] - steps[branch] * part for branch, part in zip(now, gradient, strict=True)}
    ratios = matching_loss(now, segment)
    wanted = [*(inputs[side] for side in sides), *steps.values()]
    total = torch.stack(list(ratios.values())).sum()
    back = torch.autograd.grad(total, wanted, allow_unused=True, materialize_grads=True)
    return Matched(
        {branch: float(ratio.detach()) for branch, ratio in ratios.items()},
        dict(zip(sides, back[: len(sides)], strict=True)),
        dict(zip(steps, back[len(sides) :], strict=True)),
    )


GRADIENTS = {"exact": match, "tesla": tesla, "unrolled": unrolled}
"""Name of a way -> loss and gradient of a segment."""


@dataclass(frozen=True)
class _Step:
    """An inner step with the graph of its gradient.

    Attributes:
        parameters, inputs: leaves of the graph.
        gradient: of the student's loss, branch -> [parameter].
    """

    parameters: Parameters
    inputs: Inputs
    gradient: Parameters

    def pull_back(self, cotangent: Parameters, sides: Sequence[str]) -> tuple[Parameters, Inputs]:
        """cotangent^T dg with respect to parameters and to tower inputs."""
        product = torch.stack([part @ cotangent[branch] for branch, part in self.gradient.items()]).sum()
        wanted = [*self.parameters.values(), *(self.inputs[side] for side in sides)]
        back = torch.autograd.grad(product, wanted, allow_unused=True, materialize_grads=True)
        count = len(self.parameters)
        return dict(zip(self.parameters, back[:count], strict=True)), dict(zip(sides, back[count:], strict=True))


def _step(loss: Loss, tower_inputs: Inputs, parameters: Parameters, *, step: int, sides: Sequence[str]) -> _Step:
    leaves = {branch: flat.detach().requires_grad_() for branch, flat in parameters.items()}
    inputs = {side: values.detach().requires_grad_(side in sides) for side, values in tower_inputs.items()}
    gradient = torch.autograd.grad(loss(inputs, leaves, step), list(leaves.values()), create_graph=True)
    return _Step(leaves, inputs, dict(zip(leaves, gradient, strict=True)))


def _path_of_steps(
    loss: Loss,
    tower_inputs: Inputs,
    start: Parameters,
    *,
    rates: Rates,
    batches: Sequence[Tensor],
    sides: Sequence[str],
) -> tuple[list[Parameters], list[_Step]]:
    """:func:`inner_path`, and its steps with their graphs."""
    path, steps = [{branch: flat.detach() for branch, flat in start.items()}], []
    for number, batch in enumerate(batches):
        steps.append(_step(loss, _take(tower_inputs, batch), path[-1], step=number, sides=sides))
        gradient = steps[-1].gradient
        path.append({branch: flat - rates[branch] * gradient[branch].detach() for branch, flat in path[-1].items()})
    return path, steps


def _gradient(loss: Loss, tower_inputs: Inputs, parameters: Parameters, step: int) -> Parameters:
    leaves = {branch: flat.detach().requires_grad_() for branch, flat in parameters.items()}
    return dict(zip(leaves, torch.autograd.grad(loss(tower_inputs, leaves, step), list(leaves.values())), strict=True))


def _take(tower_inputs: Inputs, batch: Int[Tensor, " batch"]) -> Inputs:
    return {side: values[batch] for side, values in tower_inputs.items()}


def _length(segment: Segment, branch: str) -> Float[Tensor, ""]:
    """Squared length of a segment; an expert that has not moved gives a loss that is large, not undefined."""
    branches = segment.target if segment.merged else [branch]
    parts = [(segment.start[name] - segment.target[name]).square().sum() for name in branches]
    length = torch.stack(parts).sum() if segment.merged else parts[0]
    return length.clamp_min(torch.finfo(length.dtype).tiny ** 0.5)

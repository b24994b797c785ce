"""Inner step sizes under which the starting pairs come nearest to a segment's target."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vlbench.matching.gradient import Inputs, Loss, Rates, Segment, inner_path, matching_loss

Factors = dict[str, float]
"""Branch name -> factor on its inner step size."""


def first_rates(
    loss: Loss, tower_inputs: Inputs, segment: Segment, batches: Sequence[Tensor], *, branches: Sequence[str]
) -> Tensor:
    """Step sizes [branch] by a line search: all branches together, then each on its own.

    Args:
        loss: of the student.
        tower_inputs: of all learned pairs.
        segment: what is matched.
        batches: positions that each inner step trains on.
        branches: in the order in which step sizes are returned.

    Examples:
        >>> import torch
        >>> from vlbench.matching import Segment, first_rates
        >>> def loss(inputs, parameters, step):
        ...     return (parameters["w"] - inputs["x"].mean()).square().sum() / 2
        >>> segment = Segment({"w": torch.zeros(1)}, {"w": torch.ones(1)})
        >>> inputs = {"x": torch.ones(2)}
        >>> first_rates(loss, inputs, segment, [torch.arange(2)], branches=["w"])  # one step of size 1 goes there
        tensor([1.])
    """
    unit = _unit_rates(loss, tower_inputs, segment, batches)

    def distance(factors: Factors) -> float:
        rates = {branch: unit[branch] * factors[branch] for branch in branches}
        end = inner_path(loss, tower_inputs, segment.start, rates, batches)[-1]
        value = float(torch.stack(list(matching_loss(end, segment).values())).sum())
        return value if math.isfinite(value) else math.inf

    factors = search(distance, dict.fromkeys(branches, 1.0), list(branches))
    for branch in branches:
        factors = search(distance, factors, [branch])
    return torch.stack([unit[branch] * factors[branch] for branch in branches])


def _unit_rates(loss: Loss, tower_inputs: Inputs, segment: Segment, batches: Sequence[Tensor]) -> Rates:
    """Step sizes under which steps along the first gradient would cover the segment's length."""
    one = {branch: torch.ones((), device=flat.device) for branch, flat in segment.start.items()}
    first = inner_path(loss, tower_inputs, segment.start, one, batches[:1])[-1]
    return {
        branch: (segment.target[branch] - start).norm()
        / ((first[branch] - start).norm().clamp_min(1e-12) * len(batches))
        for branch, start in segment.start.items()
    }


def search(distance: Callable[[Factors], float], factors: Factors, names: list[str]) -> Factors:
    """Double or halve some factors together for as long as that lowers the distance, six times at most."""
    best, value = factors, distance(factors)
    for step in (2.0, 0.5):
        for _ in range(6):
            tried = best | {name: best[name] * step for name in names}
            reached = distance(tried)
            if reached >= value:
                break
            best, value = tried, reached
        if best is not factors:
            break
    return best

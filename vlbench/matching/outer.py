"""The outer optimiser: how learned pixels, vectors and inner step sizes follow their gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Variables = dict[str, Tensor]
"""What is learned, by name."""

FIRST_DECAY, SECOND_DECAY, EPSILON = 0.9, 0.99, 1e-12
NORM_DECAY, NORM_LIMIT = 0.9, 2.0
SGD_MOMENTUM = 0.5


@dataclass(frozen=True)
class Outer:
    """Settings of the outer optimiser.

    Attributes:
        kind: ``adam`` (decays 0.9 and 0.99, cosine schedule, gradients clipped at twice their running norm) or ``sgd``
            (momentum 0.5, constant: VLDD's).
        rates: variable -> learning rate.
        steps: length of the cosine.
        ema: decay of the exponential average of the variables that is returned; 0: their last values are.
        max_grad_norm: the norm of all variables' gradients together is cut at this value; 0: not.

    Examples:
        >>> import torch
        >>> from vlbench.matching import Outer, outer_start, outer_step
        >>> outer, variables = Outer("adam", {"x": 0.1}, steps=10), {"x": torch.zeros(2)}
        >>> gradients = {"x": torch.tensor([1.0, -1.0])}
        >>> moved, state = outer_step(outer, variables, gradients, state=outer_start(variables), step=0)
        >>> moved["x"]
        tensor([-0.1000,  0.1000])
    """

    kind: Literal["adam", "sgd"]
    rates: dict[str, float]
    steps: int
    ema: float = 0.0
    max_grad_norm: float = 0.0

    def rate(self, name: str, step: int, spent: float = 0.0) -> float:
        """Learning rate of a variable at a step, where a share ``spent`` of the time is over."""
        if self.kind == "sgd":
            return self.rates[name]
        return self.rates[name] * min(cosine(step, self.steps), cosine(spent, 1))


def outer_start(variables: Variables) -> Variables:
    """State before the first step: moments and running gradient norms, all zero.

    Examples:
        >>> import torch
        >>> from vlbench.matching import outer_start
        >>> sorted(outer_start({"x": torch.ones(2)}))
        ['first.x', 'norm.x', 'second.x']
    """
    state = {f"first.{name}": torch.zeros_like(value) for name, value in variables.items()}
    state |= {f"second.{name}": torch.zeros_like(value) for name, value in variables.items()}
    return state | {f"norm.{name}": torch.zeros((), device=value.device) for name, value in variables.items()}


def outer_step(
    outer: Outer, variables: Variables, gradients: Variables, *, state: Variables, step: int, spent: float = 0.0
) -> tuple[Variables, Variables]:
    """New variables and state; step 0 is the first. Nothing is changed in place.

    Examples:
        >>> import torch
        >>> from vlbench.matching import Outer, outer_start, outer_step
        >>> variables, gradients = {"x": torch.zeros(1)}, {"x": torch.ones(1)}
        >>> outer = Outer("sgd", {"x": 0.5}, steps=2)
        >>> outer_step(outer, variables, gradients, state=outer_start(variables), step=0)[0]["x"]
        tensor([-0.5000])
    """
    moved: Variables = {}
    gradients = shortened(gradients, outer.max_grad_norm) if outer.max_grad_norm else gradients
    after: Variables = {name: mean for name, mean in state.items() if name.startswith("mean.")}
    for name, value in variables.items():
        first, second, norm = (state[f"{part}.{name}"] for part in ("first", "second", "norm"))
        if outer.kind == "sgd":
            first = SGD_MOMENTUM * first + gradients[name]
            moved[name] = value - outer.rate(name, step, spent) * first
        else:
            gradient, norm = clip(gradients[name], norm, step)
            first = FIRST_DECAY * first + (1 - FIRST_DECAY) * gradient
            second = SECOND_DECAY * second + (1 - SECOND_DECAY) * gradient.square()
            moved[name] = value - outer.rate(name, step, spent) * adam_direction(first, second, step)
        after |= {f"first.{name}": first, f"second.{name}": second, f"norm.{name}": norm}
    return moved, after


def averaged(outer: Outer, variables: Variables, moments: Variables, step: int) -> Variables:
    """Moments with the running average of the variables after a step in them, where one is kept."""
    if not outer.ema:
        return moments
    decay = min(outer.ema, step / (step + 1))  # the plain mean, until the window is full
    means = {name: torch.lerp(value, moments.get(f"mean.{name}", value), decay) for name, value in variables.items()}
    return moments | {f"mean.{name}": mean for name, mean in means.items()}


def final(variables: Variables, moments: Variables) -> Variables:
    """What is returned: the running averages where they are kept, else the variables."""
    return {name: moments.get(f"mean.{name}", value) for name, value in variables.items()}


def adam_direction(first: Tensor, second: Tensor, step: int) -> Tensor:
    """Adam's step of unit size (Kingma and Ba 2015), with its correction for moments that began at zero."""
    first = first / (1 - FIRST_DECAY ** (step + 1))
    second = second / (1 - SECOND_DECAY ** (step + 1))
    return first / (second.sqrt() + EPSILON)


def shortened(gradients: Variables, longest: float) -> Variables:
    """All gradients times one factor, so that their norm together is at most ``longest``."""
    norm = torch.stack([gradient.norm() for gradient in gradients.values()]).norm()
    factor = (longest / norm.clamp_min(1e-30)).clamp_max(1.0)
    return {name: gradient * factor for name, gradient in gradients.items()}


def clip(gradient: Tensor, norm: Tensor, step: int) -> tuple[Tensor, Tensor]:
    """A gradient cut at twice the running mean of its norm, and that mean with this step in it."""
    size = gradient.norm()
    if step > 0:
        limit = NORM_LIMIT * norm / (1 - NORM_DECAY**step)
        gradient = gradient * (limit / size.clamp_min(1e-30)).clamp_max(1.0)
        size = torch.minimum(size, limit)
    return gradient, NORM_DECAY * norm + (1 - NORM_DECAY) * size


def cosine(step: float, steps: float) -> float:
    """From 1 at step 0 down to 0 at ``steps``."""
    return (1 + math.cos(math.pi * step / max(steps, 1))) / 2

"""Pairs whose cross-covariance is that of the data, after CovMatch (NeurIPS 2025, arXiv 2510.18583)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import vlbench

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench.students import Tower

CHECKPOINT_EVERY = 25
CHUNK = 512


@dataclass(frozen=True)
class CovMatchOptions:
    """How pairs are learned."""

    steps: int = vlbench.option(200, minimum=1, help="updates of pixels and vectors")
    item_rate: float = vlbench.option(
        0.02, minimum=0, help="learning rate of Adam on pixels in [0, 1]; 0 leaves them as they are"
    )
    vector_rate: float = vlbench.option(0.1, minimum=0, help="learning rate of Adam on standardised vectors")
    rho: float | None = vlbench.option(
        None, above=0, help="scale of the data's cross-covariance; none: 2 up to 100 pairs, else 1"
    )
    means: float | None = vlbench.option(
        None, minimum=0, help="weight of the means; none: 0.1 up to 200 pairs, else 0.5"
    )


class CovMatch(vlbench.Method):
    """Minimise |rho C - S|^2 / |rho C|^2 + means x (squared distance of both sides' means).

    C is the cross-covariance of standardised features over all train pairs, S that of the learned pairs. The published
    method updates encoders on real data meanwhile and resets them now and then. Here encoders are frozen, as the suites
    have them, so that C is computed once, and every entry counts relative to the whole.
    """

    def condense(
        self, train: vlbench.TrainView, budget: vlbench.Budget, context: vlbench.Context
    ) -> vlbench.DistilledPairs:
        """Learn as many pairs as fit the budget, from random images with their mean captions."""
        import torch

        first, second = train.sides
        towers, images = context.student_with("frozen")[0].towers, train.items(first)
        pair_bytes = images[0].nbytes + vlbench.artifacts.stored_bytes(towers[second].width, "float32")
        candidates = context.candidates()
        order = torch.randperm(len(candidates), generator=context.seeds.generator("start"))
        kept = candidates[order[: budget.pairs_that_fit(pair_bytes)]]
        start = vlbench.Selection(kept, train.fingerprint, mean_sides=(second,))
        vectors = context.training_set(start, "frozen").tower_inputs(torch.arange(len(start)))[second]
        items = images[train.pairs[kept, 0]]
        state = {"pixels": towers[first].encoder.inputs(items).to(vectors), "vectors": vectors.clone()}
        self._learn(state, towers[first], train, context)
        sides = {first: train.as_items(first, state["pixels"]).cpu() if self.options.item_rate else items}
        sides[second] = towers[second].standardise.inverse(state["vectors"]).cpu()
        spaces = {first: "items", second: towers[second].space}
        return vlbench.DistilledPairs(sides, spaces, train.fingerprint, start=start)

    def _learn(
        self,
        state: dict[str, Tensor],
        tower: Tower,
        train: vlbench.TrainView,
        context: vlbench.Context,
    ) -> None:
        """Adam on pixels and vectors, in place; goes on from a checkpoint where there is one."""
        import torch

        options, pairs = self.options, len(state["vectors"])
        target = cross_covariance(context) * (options.rho or (2.0 if pairs <= 100 else 1.0))
        means = (0.1 if pairs <= 200 else 0.5) if options.means is None else options.means
        rates = {"pixels": options.item_rate, "vectors": options.vector_rate}
        state |= {f"{name}.{moment}": torch.zeros_like(state[name]) for name in rates for moment in ("first", "second")}
        state["step"] = torch.zeros((), dtype=torch.long)
        state |= {name: kept.to(target.device) for name, kept in (context.load_checkpoint() or {}).items()}
        context.observer.phase("cross-covariance", options.steps - int(state["step"]))
        while int(state["step"]) < options.steps:
            learned = {name: state[name].detach().requires_grad_(bool(rates[name])) for name in rates}
            with torch.set_grad_enabled(True):
                loss = covariance_loss(tower.encode_frozen(learned["pixels"]), learned["vectors"], target, means)
            names = [name for name in rates if rates[name]]
            for name, gradient in zip(names, torch.autograd.grad(loss, [learned[n] for n in names]), strict=True):
                adam(state, name, gradient, rates[name] * cosine(int(state["step"]), options.steps))
            state["pixels"].clamp_(*train.bounds(train.sides[0]))
            state["step"] = state["step"] + 1
            context.curve("loss", loss.item())
            context.observer.advance(1, f"loss {loss.item():.3f}")
            if int(state["step"]) % CHECKPOINT_EVERY == 0:
                context.save_checkpoint(state)


def cross_covariance(context: vlbench.Context) -> Tensor:
    """Of the standardised features of all train pairs [first width, second width]."""
    import torch

    data, (first, second) = context.full_set("frozen"), context.student.towers.values()
    product = torch.zeros(first.width, second.width, device=context.device)
    count, ones, twos = len(data.pairs), product.new_zeros(first.width), product.new_zeros(second.width)
    for at in torch.arange(count).split(CHUNK):
        one, two = data.tower_inputs(at).values()
        product += one.T @ two
        ones += one.sum(0)
        twos += two.sum(0)
    return product / count - torch.outer(ones / count, twos / count)


def covariance_loss(one: Tensor, two: Tensor, target: Tensor, means: float) -> Tensor:
    """Squared distance of the cross-covariance to the target over the target's square, and that of means to 0.

    Args:
        one: first-side features [pair, first width], standardised: their mean over the train split is 0.
        two: second-side features [pair, second width].
        target: [first width, second width].
        means: weight of the means.
    """
    middle = one.mean(0), two.mean(0)
    covariance = (one - middle[0]).T @ (two - middle[1]) / len(one)
    distance = (target - covariance).square().sum() / target.square().sum()
    return distance + means * (middle[0].square().sum() + middle[1].square().sum())


def cosine(step: int, steps: int) -> float:
    """1 at the first step, towards 0 at the last."""
    return (1 + math.cos(math.pi * step / steps)) / 2


def adam(state: dict[str, Tensor], name: str, gradient: Tensor, rate: float) -> None:
    """One step of Adam (Kingma and Ba 2015), state in and out, so that a checkpoint holds all of it."""
    first, second = state[f"{name}.first"], state[f"{name}.second"]
    count = int(state["step"]) + 1
    first.mul_(0.9).add_(gradient, alpha=0.1)
    second.mul_(0.99).addcmul_(gradient, gradient, value=0.01)
    scale = (second / (1 - 0.99**count)).sqrt() + 1e-8
    state[name].sub_(rate * (first / (1 - 0.9**count)) / scale)


@vlbench.hookimpl
def vlbench_methods() -> list[vlbench.MethodSpec]:
    """One distiller."""
    return [
        vlbench.MethodSpec(
            name="covmatch",
            target="covmatch:CovMatch",
            family="distillation",
            summary="Pairs whose cross-covariance is that of the data.",
            options=CovMatchOptions,
            paper="CovMatch, NeurIPS 2025, arXiv 2510.18583",
        )
    ]

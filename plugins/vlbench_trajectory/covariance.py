"""CovMatch (NeurIPS 2025, arXiv 2510.18583) with frozen encoders, under a name of its own."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlbench.matching import Form, LossDistiller, Settings, Task
from vlbench_trajectory.settings import of_loss

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench import Context, SeedTree
    from vlbench.matching import Start
    from vlbench.students import Student
    from vlbench_trajectory.options import CovarianceOptions

CHUNK = 512
FROM_500 = 350
"""Pairs from which the published numbers for 500 are the nearest."""


class Covariance(LossDistiller):
    """Pairs whose cross-covariance is that of the data.

        minimise |rho C - S|^2 / |rho C|^2 + means (|mean of images|^2 + |mean of texts|^2)

    with C the cross-covariance of standardised features over all train pairs and S that of the learned pairs: under a
    linear contrastive loss the best heads depend on the data through C alone. The published method trains encoders and
    projections on real data meanwhile and resets them; here encoders are frozen, so that C is computed once, and the
    distance counts relative to C's own size.
    """

    options: CovarianceOptions

    def form(self) -> Form:
        """As published, raw variables from one caption."""
        paper = self.options.preset == "paper"
        return replace(super().form(), captions="one", literal=True) if paper else super().form()

    def settings(self, task: Task) -> Settings:
        """Ours; or its SGD at rate 1.0 over 10,000 iterations, 20,000 for 500 pairs."""
        steps = 10_000 if task.pairs < FROM_500 else 20_000
        return of_loss(self.options, outer_steps=steps, item_rate=1.0, vector_rate=1.0, optimiser="sgd", literal=True)

    def prepare(self, student: Student, context: Context, start: Start) -> None:
        """The target, and the weights that depend on the budget."""
        pairs, options = len(start.selection), self.options
        self.target = cross_covariance(context) * (options.rho or (2.0 if pairs <= 100 else 1.0))
        self.means = (0.1 if pairs <= 200 else 0.5) if options.means is None else options.means

    def loss(self, student: Student, tower_inputs: dict[str, Tensor], draw: SeedTree) -> Tensor:
        """Distance of the cross-covariances, and of the means to 0, that of the data."""
        one, two = (tower_inputs[side] for side in student.sides)
        middle = one.mean(0), two.mean(0)
        made = (one - middle[0]).T @ (two - middle[1]) / len(one)
        size = self.target.square().sum() if self.options.preset == "default" else 1
        distance = (self.target - made).square().sum() / size
        return distance + self.means * (middle[0].square().sum() + middle[1].square().sum())


def cross_covariance(context: Context) -> Tensor:
    """Of the standardised features of all train pairs [first width, second width], in one pass."""
    import torch

    data, sums = context.full_set("frozen"), [torch.zeros(()).to(context.device)] * 3
    for at in torch.arange(len(data.pairs)).split(CHUNK):
        one, two = data.tower_inputs(at).values()
        sums = [total + part for total, part in zip(sums, (one.T @ two, one.sum(0), two.sum(0)), strict=True)]
    product, ones, twos = (total / len(data.pairs) for total in sums)
    return product - torch.outer(ones, twos)

"""MDM: matching of modality distributions under mixed teachers (CVPR 2026, arXiv 2605.23482)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlbench.matching import (
    Experts,
    Form,
    LossDistiller,
    Settings,
    Task,
    layout,
    mixed,
    settings_of_loss,
    train_experts,
)

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench import Context, SeedTree
    from vlbench.matching import Start
    from vlbench.students import Student
    from vlbench_trajectory.options import MDMOptions

EXPERT = Experts(8, steps=144, learning_rate=0.3, batch=256, interval=12)
RATES = {100: 100.0, 500: 1000.0}
"""Pairs of Flickr30k -> published rate of pixels and vectors, for budgets from there on."""


class MDM(LossDistiller):
    """InfoNCE of the pairs, and kernel distances of what both sides share and of what tells them apart.

    Under a teacher mixed of two experts' snapshots (:func:`vlbench.matching.mixed`, from a fresh student), with z_v and
    z_t the unit embeddings, u = norm(z_v + z_t) and g = norm(z_v - z_t):

        L = InfoNCE(pairs) + c E(u) + c E(g)
        E = sqrt(mean k(s, s') + mean k(r, r') - 2 mean k(s, r)),  k = exp(-arccos(cos)^2 / (2 sigma^2))

    over the learned s and a batch of real pairs r, without a pair's kernel with itself. Encoders are frozen here.
    """

    options: MDMOptions

    def form(self) -> Form:
        """As published, raw variables from one caption."""
        paper = self.options.preset == "paper"
        return replace(super().form(), captions="one", literal=True) if paper else super().form()

    def settings(self, task: Task) -> Settings:
        """Ours, or its SGD with a joint clip of 1."""
        options = self.options
        if options.preset != "paper":
            return settings_of_loss(
                outer_steps=options.outer_steps, item_rate=options.item_rate, vector_rate=options.vector_rate
            )
        rate = RATES[max((pairs for pairs in RATES if pairs <= task.pairs), default=100)]
        return settings_of_loss(
            outer_steps=options.outer_steps,
            item_rate=rate,
            vector_rate=rate,
            optimiser="sgd",
            literal=True,
            max_grad_norm=1.0,
        )

    def prepare(self, student: Student, context: Context, start: Start) -> None:
        """Experts and real pairs."""
        self.experts = train_experts(context, replace(EXPERT, count=self.options.experts), "frozen")
        self.real, self.layers = context.full_set("frozen"), layout(student)

    def loss(self, student: Student, tower_inputs: dict[str, Tensor], draw: SeedTree) -> Tensor:
        """Of this step's teacher and real batch."""
        from vlbench_trajectory.kernels import energy, shared_and_gap, unit

        options, teacher = self.options, self._teacher(student, draw)
        batch = self.real.tower_inputs(self.real.positions(0, options.batch, draw))
        made, real = ([student.embed(side, x[side], teacher) for side in student.sides] for x in (tower_inputs, batch))
        parts = [
            energy(unit(s), unit(r), options.sigma)
            for s, r in zip(shared_and_gap(made), shared_and_gap(real), strict=True)
        ]
        return student.loss(tower_inputs, teacher) + options.weight * sum(parts)

    def _teacher(self, student: Student, draw: SeedTree) -> dict[str, Tensor]:
        import torch

        generator = draw.generator("teacher")
        chosen = torch.randperm(len(self.experts), generator=generator)[:2].tolist()
        length = len(next(iter(self.experts[0].values())))
        at = (1 + torch.randint(length - 1, (2,), generator=generator)).tolist()
        one, two = (
            {branch: path[t].to(student.device) for branch, path in self.experts[index].items()}
            for index, t in zip(chosen, at, strict=True)
        )
        return mixed(student.start(draw.child("anchor")), one, two, self.layers, alpha=self.options.alpha)

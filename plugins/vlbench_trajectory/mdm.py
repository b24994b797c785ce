"""MDM: matching of modality distributions under mixed teachers (CVPR 2026, arXiv 2605.23482)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlbench.matching import Experts, Form, LossDistiller, Settings, Task, layout, mixed, train_experts
from vlbench_trajectory.settings import of_loss

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench import Context, SeedTree
    from vlbench.matching import Start
    from vlbench.students import Student
    from vlbench_trajectory.options import MDMOptions

EXPERTS = Experts(8, steps=144, learning_rate=0.3, batch=256, interval=12)
MOST = 64
"""Learned pairs in a published step."""
RATES = {100: 100.0, 200: 1000.0}
"""Pairs of Flickr30k -> published rate of pixels and vectors, for budgets from there on."""


class MDM(LossDistiller):
    """InfoNCE of the pairs, and kernel distances of what both sides share and of what tells them apart.

    Under a teacher mixed of two experts' snapshots (:func:`vlbench.matching.mixed`, from a fresh student), with z_v and
    z_t the unit embeddings, u = norm(z_v + z_t) and g = norm(z_v - z_t):

        L = InfoNCE(pairs) + c E(u) + c E(g)
        E = sqrt(mean k(s, s') + mean k(r, r') - 2 mean k(s, r)),  k = exp(-arccos(cos)^2 / (2 sigma^2))

    over the learned s and a batch of real pairs r, without a pair's kernel with itself. Encoders are
    frozen here, and learning starts from random pairs, not from k-means.
    """

    options: MDMOptions

    def form(self) -> Form:
        """As published, raw variables from one caption."""
        paper = self.options.preset == "paper"
        return replace(super().form(), captions="one", literal=True) if paper else super().form()

    def settings(self, task: Task) -> Settings:
        """Ours, or its SGD with a joint clip of 1."""
        rate = RATES[max((pairs for pairs in RATES if pairs <= task.pairs), default=100)]
        return of_loss(
            self.options, outer_steps=3000, item_rate=rate, vector_rate=rate, optimiser="sgd", literal=True,
            max_grad_norm=1.0,
        )  # fmt: skip

    def prepare(self, student: Student, context: Context, start: Start) -> None:
        """Experts and real pairs."""
        self.real, self.layers = context.full_set("frozen"), layout(student)
        plan = published_experts(len(self.real.pairs)) if self.options.preset == "paper" else EXPERTS
        self.experts = train_experts(context, replace(plan, count=self.options.experts or plan.count), "frozen")

    def loss(self, student: Student, tower_inputs: dict[str, Tensor], draw: SeedTree) -> Tensor:
        """Of this step's teacher and real batch."""
        from vlbench_trajectory.kernels import energy, shared_and_gap, unit

        options, teacher = self.options, self._teacher(student, draw)
        if options.preset == "paper":
            tower_inputs = at_most(MOST, tower_inputs, draw)
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


def published_experts(captions: int) -> Experts:
    """VLDD's, of ten epochs over all captions; teachers are mixed of all snapshots but the first."""
    epoch = max(1, captions // 128)
    return Experts(20, steps=10 * epoch, learning_rate=0.1, batch=128, interval=epoch, epoch_over="pairs")


def at_most(count: int, tower_inputs: dict[str, Tensor], draw: SeedTree) -> dict[str, Tensor]:
    """A draw of so many pairs."""
    import torch

    rows = torch.randperm(len(next(iter(tower_inputs.values()))), generator=draw.generator("pairs"))[:count]
    return {side: values[rows.to(values.device)] for side, values in tower_inputs.items()}

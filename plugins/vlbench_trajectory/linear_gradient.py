"""Linear gradient matching carried over to pairs: no experts, no inner loop, fresh random heads in every step."""

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
    from vlbench_trajectory.options import LinearGradientOptions

PUBLISHED_RATE = 2e-3


class LinearGradient(LossDistiller):
    """Pairs whose gradient for random heads points where that of real pairs does.

    With heads theta drawn anew in every step, and g the gradient of the student's InfoNCE with respect to a branch,

        minimise the sum over branches of 1 - cos(g(learned pairs; theta), g(real batch; theta))

    after LGM (linear gradient matching for pretrained encoders, NeurIPS 2025), which has a linear classifier and
    cross-entropy in place of two heads and InfoNCE, an image pyramid in place of the frequency basis, and ten augmented
    copies of each image. Its published settings for pairs do not exist: ``preset=paper`` has its 5,000
    iterations and its Adam rate.
    """

    options: LinearGradientOptions

    def form(self) -> Form:
        """As published, one caption."""
        return replace(super().form(), captions="one") if self.options.preset == "paper" else super().form()

    def settings(self, task: Task) -> Settings:
        """Ours, or the published iterations and the rate of Adam for images."""
        return of_loss(self.options, outer_steps=5000, item_rate=PUBLISHED_RATE, vector_rate=PUBLISHED_RATE)

    def prepare(self, student: Student, context: Context, start: Start) -> None:
        """Real pairs."""
        self.real = context.full_set("frozen")

    def loss(self, student: Student, tower_inputs: dict[str, Tensor], draw: SeedTree) -> Tensor:
        """Of this step's heads and real batch."""
        import torch

        heads = student.start(draw.child("heads"))
        batch = self.real.tower_inputs(self.real.positions(0, self.options.batch, draw))
        wanted, _ = student.gradient(batch, heads)
        leaves = {branch: flat.requires_grad_() for branch, flat in heads.items()}
        made = torch.autograd.grad(student.loss(tower_inputs, leaves), list(leaves.values()), create_graph=True)
        cosines = [torch.cosine_similarity(one, wanted[b], dim=0) for b, one in zip(leaves, made, strict=True)]
        return (1 - torch.stack(cosines)).sum()

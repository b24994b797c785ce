"""Text vectors by the meta-gradient of a ridge map."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlbench.matching import LossDistiller, Settings, Task, settings_of_loss

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench import Context, SeedTree
    from vlbench.matching import Start
    from vlbench.students import Student
    from vlbench_trajectory.options import RidgeOptions


class RidgeMeta(LossDistiller):
    """Pairs such that a ridge map, fitted on them in closed form, retrieves real pairs.

        W = X' (X X' + r I)^-1 T,   minimise InfoNCE(V W, C) over a batch of real pairs

    with X the image features of the learned pairs, T their text vectors, V and C those of the batch, and r a multiple
    of the mean diagonal of X X'. The thought is that of kernel ridge regression for learned datasets (Nguyen et al.
    2021), for a student that is close to a linear map from one side to the other.
    """

    options: RidgeOptions

    def settings(self, task: Task) -> Settings:
        """Steps and rates of the options."""
        options = self.options
        return settings_of_loss(
            outer_steps=options.outer_steps, item_rate=options.item_rate, vector_rate=options.vector_rate
        )

    def prepare(self, student: Student, context: Context, start: Start) -> None:
        """Real pairs."""
        self.real = context.full_set("frozen")

    def loss(self, student: Student, tower_inputs: dict[str, Tensor], draw: SeedTree) -> Tensor:
        """InfoNCE of a real batch under the map."""
        import torch
        from torch.nn.functional import cross_entropy, normalize

        images, texts = (tower_inputs[side] for side in student.sides)
        batch = self.real.tower_inputs(self.real.positions(0, self.options.batch, draw))
        seen, captions = (batch[side] for side in student.sides)
        logits = normalize(seen @ ridge_map(images, texts, self.options.ridge), dim=1) @ normalize(captions, dim=1).T
        own = torch.arange(len(logits), device=logits.device)
        logits = logits / student.temperature
        return (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2


def ridge_map(inputs: Tensor, outputs: Tensor, ridge: float) -> Tensor:
    """W [input, output] that minimises |X W - T|^2 + r |W|^2, with r = ``ridge`` times the mean of X X' diagonal."""
    import torch

    kernel = inputs @ inputs.T
    penalty = ridge * kernel.diagonal().mean() * torch.eye(len(inputs)).to(kernel)
    solution: Tensor = inputs.T @ torch.linalg.solve(kernel + penalty, outputs)
    return solution

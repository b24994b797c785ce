"""RepBlend: representation blending and symmetric projection matching (NeurIPS 2025)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlbench.matching import Plan, Settings, Task
from vlbench_trajectory.settings import paper_repblend, resolve
from vlbench_trajectory.soft import SoftTargets

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench import SeedTree
    from vlbench.students import Student
    from vlbench_trajectory.options import SoftOptions


class RepBlend(SoftTargets):
    """LoRS on frozen encoders, with representations of pairs blended in every inner step.

    With one lambda ~ Beta(1, 1) and one permutation pi an inner step, the same for both sides, heads read

        lambda v + (1 - lambda) v[pi]

    for features v of images and text vectors; the targets are not mixed. The draw is the same whenever the step is
    computed. Only heads are matched, of both sides; as in the paper, with one ratio under ``preset=paper``.
    """

    options: SoftOptions

    def settings(self, task: Task) -> Settings:
        """Ours, or those of its scripts."""
        return resolve(self.options, task, paper_repblend)

    def plans(self, task: Task) -> list[Plan]:
        """Heads alone, whatever the student trains."""
        return [Plan("frozen", self.settings(replace(task, trained="heads")))]

    def inner_loss(
        self, student: Student, tower_inputs: dict[str, Tensor], parameters: dict[str, Tensor], draw: SeedTree
    ) -> Tensor:
        """LoRS's, of blended representations."""
        mixed = tower_inputs | blended(tower_inputs, student.sides, draw)
        return super().inner_loss(student, mixed, parameters, draw)


def blended(tower_inputs: dict[str, Tensor], sides: tuple[str, ...], draw: SeedTree) -> dict[str, Tensor]:
    """Both sides' representations [pair, width], mixed with those of a permutation of the pairs."""
    import torch

    generator = draw.generator("blend")
    share = float(torch.rand((), generator=generator))  # Beta(1, 1)
    order = torch.randperm(len(tower_inputs[sides[0]]), generator=generator)
    order = order.to(tower_inputs[sides[0]].device, non_blocking=True)
    return {side: share * tower_inputs[side] + (1 - share) * tower_inputs[side][order] for side in sides}

"""Matching of closed-form projectors, after what is known of APM (ICML 2026)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vlbench.matching import LossDistiller, Settings, Task, settings_of_loss

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench import Context, SeedTree
    from vlbench.matching import Start
    from vlbench.students import Student
    from vlbench_trajectory.options import ProjectorOptions

CHUNK = 512


class Projector(LossDistiller):
    """Pairs on which the best linear maps between the sides are those of the data.

        P = (X'X / n + r I)^-1 X'Y / n,   minimise |P - P*|^2 / |P*|^2, from images to texts and back

    with P* over all train pairs and r a multiple of the features' mean variance in the data. Of APM only the abstract
    could be read: closed-form solutions of projectors are matched and two matrices are stored. This is as far as that
    goes: its projectors, penalty, optimiser and its use of five captions in turn are not known, so there is no preset.
    """

    options: ProjectorOptions

    def settings(self, task: Task) -> Settings:
        """Steps and rates of the options."""
        options = self.options
        return settings_of_loss(
            outer_steps=options.outer_steps, item_rate=options.item_rate, vector_rate=options.vector_rate
        )

    def prepare(self, student: Student, context: Context, start: Start) -> None:
        """The data's maps in both directions, from sums over all pairs."""
        import torch

        data, pairs = context.full_set("frozen"), torch.zeros(()).to(student.device)
        for at in torch.arange(len(data.pairs)).split(CHUNK):
            both = torch.cat(list(data.tower_inputs(at).values()), 1)
            pairs = pairs + both.T @ both
        width = student.towers[student.sides[0]].width
        moments = pairs / len(data.pairs)
        one, two, cross = moments[:width, :width], moments[width:, width:], moments[:width, width:]
        self.penalties = [self.options.ridge * float(square.diagonal().mean()) for square in (one, two)]
        self.targets = [solved(one, cross, self.penalties[0]), solved(two, cross.T, self.penalties[1])]

    def loss(self, student: Student, tower_inputs: dict[str, Tensor], draw: SeedTree) -> Tensor:
        """Relative distance of the maps in both directions."""
        one, two = (tower_inputs[side] for side in student.sides)
        maps = (projector(one, two, self.penalties[0]), projector(two, one, self.penalties[1]))
        ways = zip(maps, self.targets, strict=True)
        return sum((made - wanted).square().sum() / wanted.square().sum() for made, wanted in ways)  # type: ignore[return-value]


def solved(square: Tensor, cross: Tensor, penalty: float) -> Tensor:
    """(square + penalty I)^-1 cross."""
    import torch

    solution: Tensor = torch.linalg.solve(square + penalty * torch.eye(len(square)).to(square), cross)
    return solution


def projector(inputs: Tensor, outputs: Tensor, penalty: float) -> Tensor:
    """(X'X / n + r I)^-1 X'Y / n by way of the n x n kernel: there are fewer pairs than features."""
    kernel = inputs @ inputs.T / len(inputs)
    return inputs.T @ solved(kernel, outputs / len(inputs), penalty)

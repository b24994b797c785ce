"""VLDD: bi-trajectory-guided co-distillation (Wu, Zhang, Deng and Russakovsky, TMLR 2024)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vlbench.matching import Form, PathDistiller, Settings, Task, batch_targets
from vlbench_trajectory.settings import resolve

if TYPE_CHECKING:
    from torch import Tensor

    from vlbench import SeedTree
    from vlbench.matching import Inputs, Parameters
    from vlbench.students import Student
    from vlbench_trajectory.options import VLDDOptions


class VLDD(PathDistiller):
    """Learn pairs on which a student moves as experts move on all data.

    With theta_s an expert's snapshot s, and e the end of K steps of plain SGD from theta_s on the learned pairs:

        minimise  sum over branches b of |e_b - theta_(s + R, b)|^2 / |theta_(s, b) - theta_(s + R, b)|^2

    What is matched is what the reference student trains: two heads, adapters and heads, or an encoder and heads. Where
    an encoder is trained, heads alone are matched first, on the frozen twin, and the result is the start. The seed
    varies the starting pairs, the segments drawn and the order of inner batches; experts are shared by all seeds.
    """

    options: VLDDOptions

    def form(self) -> Form:
        """As the options say; the paper starts from one caption and learns raw variables."""
        options, paper = self.options, self.options.preset == "paper"
        form = replace(super().form(), target_rank=options.target_rank if options.targets == "learned" else None)
        return replace(form, captions="one", literal=True) if paper else form

    def settings(self, task: Task) -> Settings:
        """The options that were given, and what fits the task for the others."""
        return resolve(self.options, task)

    def inner_loss(self, student: Student, tower_inputs: Inputs, parameters: Parameters, draw: SeedTree) -> Tensor:
        """The student's own loss, at the temperature of the options where one is given."""
        del draw
        targets, temperature = batch_targets(tower_inputs), self.options.inner_temperature
        return student.loss(tower_inputs, parameters, temperature=temperature, targets=targets)

"""Experts: students trained on all train pairs, whose paths the learned pairs shall reproduce."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vlbench import SeedTree
from vlbench.errors import DivergedError
from vlbench.students import Recipe, TrainingSet, train
from vlbench_trajectory.matching import Entries, Parameters, Segment
from vlbench_trajectory.settings import Settings

if TYPE_CHECKING:
    from vlbench import Context
    from vlbench.students import Student

LARGEST_GROWTH = 1000.0
Trajectory = dict[str, Tensor]
"""Branch name -> snapshots [snapshot, parameter]; the first is the start."""


def train_experts(context: Context, variant: str, settings: Settings) -> list[Trajectory]:
    """Trajectories of the reference student or its twin, by plain SGD at a constant rate.

    Expert k is the same for every budget and seed of a data set, student and recipe: it is part of the method's
    material, like pretrained weights. The distillation seed varies the starting pairs, which segments are drawn and the
    order of inner batches. Trajectories are kept between runs.

    Args:
        context: of the condensation.
        variant: of :meth:`Context.variant`.
        settings: of the stage.
    """
    student, data = context.student_with(variant)[0], context.full_set(variant)
    trained = any(not tower.frozen for tower in student.towers.values())
    recipe = Recipe(
        settings.expert_steps,
        settings.expert_batch,
        settings.expert_rate,
        momentum=0.0,
        schedule="constant",
        augment=settings.expert_augment if trained else "none",
    )
    context.observer.phase("experts", settings.experts, f"{settings.expert_steps} steps each")
    trajectories = []
    for index in range(settings.experts):
        key = {"variant": variant, "expert": index, "interval": settings.interval, "recipe": repr(recipe)}
        seeds = SeedTree(0).child("vldd expert", index)
        compute = partial(trajectory, student, data, recipe, settings.interval, seeds=seeds)
        trajectories.append(context.cached("experts", key, compute))
        _check_growth(trajectories[-1], settings.expert_rate)
        context.observer.advance()
    return trajectories


def trajectory(student: Student, data: TrainingSet, recipe: Recipe, interval: int, *, seeds: SeedTree) -> Trajectory:
    """Train one student and keep its parameters every ``interval`` steps.

    Raises:
        DivergedError: it ends worse than it began and worse than chance; the rate is named.
    """
    kept: list[Parameters] = []

    def observe(step: int, _positions: Tensor, _entries: Entries, parameters: Parameters) -> None:
        if step % interval == 0:
            kept.append({branch: flat.detach().clone().cpu() for branch, flat in parameters.items()})

    try:
        last = train(student, data, recipe, seeds, observe=observe)
        _check_learned(student, data, kept[0], last, batch=recipe.batch)
    except DivergedError as error:
        raise DivergedError(
            f"an expert is broken at expert_rate={recipe.rate:g}: {error} Lower expert_rate."
        ) from error
    if recipe.steps % interval == 0:
        kept.append({branch: flat.cpu() for branch, flat in last.items()})
    return {branch: torch.stack([snapshot[branch] for snapshot in kept]) for branch in last}


def _check_growth(path: Trajectory, rate: float) -> None:
    """Weights that are a thousand times as long as at the start have learned nothing that could be followed."""
    for branch, snapshots in path.items():
        growth = float(snapshots[-1].norm() / snapshots[0].norm().clamp_min(1))
        if not growth <= LARGEST_GROWTH:
            raise DivergedError(
                f"an expert is broken at expert_rate={rate:g}: its {branch} weights end {growth:.3g} times as long as "
                "they began. Lower expert_rate."
            )


@torch.no_grad()
def _check_learned(student: Student, data: TrainingSet, first: Parameters, last: Parameters, *, batch: int) -> None:
    """Compare the loss of one batch before and after training."""
    positions = data.positions(0, batch, SeedTree(0).child("vldd expert check"))
    inputs = data.tower_inputs(positions)
    before, after = (
        float(student.loss(inputs, {branch: flat.to(student.device) for branch, flat in one.items()}))
        for one in (first, last)
    )
    if not after <= max(before, math.log(len(positions))):
        raise DivergedError(f"its loss went from {before:.3g} to {after:.3g}, above that of chance.")


def draw_segment(
    trajectories: list[Trajectory], *, last_start: int, span: int, generator: torch.Generator, device: str
) -> Segment:
    """A segment of a random expert from a random snapshot in 0..``last_start`` to the one ``span`` later."""
    chosen = trajectories[int(torch.randint(len(trajectories), (), generator=generator))]
    start = int(torch.randint(last_start + 1, (), generator=generator))
    return Segment(
        {branch: path[start].to(device) for branch, path in chosen.items()},
        {branch: path[start + span].to(device) for branch, path in chosen.items()},
    )

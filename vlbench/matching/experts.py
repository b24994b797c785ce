"""Experts: students trained on all train pairs, whose paths the learned pairs shall reproduce."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from vlbench.disk.space import check_space
from vlbench.errors import DivergedError
from vlbench.matching.gradient import Parameters, Segment
from vlbench.matching.settings import Experts
from vlbench.matching.snapshots import Series, paths
from vlbench.seeds import SeedTree
from vlbench.students.training import Recipe, TrainingSet, train

if TYPE_CHECKING:
    from vlbench.methods.context import Context
    from vlbench.students.student import Student

Trajectory = Mapping[str, Sequence[Tensor] | Tensor]
"""Branch name -> snapshots, each [parameter]; the first is the start."""
Layout = dict[str, list[int]]
"""Branch name -> number of weights of each of its layers, in order."""

LARGEST_GROWTH = 1000.0
STREAM = "vldd expert"
"""Of experts' seeds: another name would change every artifact that was ever matched."""


def train_experts(context: Context, plan: Experts, variant: str = "", *, last: int | None = None) -> list[Trajectory]:
    """Trajectories of the reference student or its twin, by plain SGD at a constant rate.

    Expert k is the same for every method, budget and seed of a dataset, student and plan: it is material, like
    pretrained weights. Snapshots are cached, so that a method that asks for the same plan finds them. An expert is
    trained as far as somebody asks for, and goes on from there where a later one asks for more.

    Args:
        context: of the condensation.
        plan: how they are trained.
        variant: of :meth:`vlbench.Context.student_with`.
        last: number of the last snapshot that is wanted; None: that of the plan's end.

    Raises:
        vlbench.errors.DivergedError: a weight is not finite.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile
        >>> from vlbench.matching import Experts, train_experts
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> _, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> plan = Experts(count=2, steps=24, learning_rate=0.1, batch=32, interval=12)
        >>> [expert["image"].shape for expert in train_experts(context, plan, last=1)]  # after 0 and 12 steps
        [torch.Size([2, 128]), torch.Size([2, 128])]
        >>> [expert["image"].shape for expert in train_experts(context, plan)]  # 12 more steps each
        [torch.Size([3, 128]), torch.Size([3, 128])]
    """
    student, data = context.student_with(variant)[0], context.full_set(variant)
    end = plan.steps // plan.interval
    last = end if last is None else min(last, end)
    recipe = plan.recipe(trained=any(not tower.frozen for tower in student.towers.values()))
    context.observer.phase("experts", plan.count, f"{last * plan.interval} steps each")
    # Where nothing but heads is trained, the twin with frozen encoders is the student itself.
    twin = "" if variant == "frozen" and all(tower.frozen for tower in context.student.towers.values()) else variant
    size = 4 * sum(of_side for _, of_side in student.branches.values()) * (last + 1)
    wanted = []
    for index in range(plan.count):
        key = {"variant": twin, "expert": index, "interval": plan.interval, "recipe": repr(recipe)}
        room = partial(check_space, context.cache.root, size * (plan.count - index), "experts")
        training = _Training(student, data, recipe, plan.interval, SeedTree(0).child(STREAM, index), room)
        wanted.append((Series(context.cache, context.full_key(key), plan.snapshots), training))
    found: dict[int, Trajectory] = {}
    together = torch.get_num_threads() if student.fits_one_core else 1
    for index, path in paths(wanted, last, context.observer.message, together=together):
        _check_growth(path, plan.learning_rate)
        _check_learned(student, data, path, recipe)
        found[index] = path
        context.observer.advance()
    return [found[index] for index in range(plan.count)]


@dataclass(frozen=True)
class _Training:
    """Of an expert, from one snapshot to the next.

    Attributes:
        student, data, recipe, interval, seeds: how.
        room: refuses to begin where the disk has no room for the expert and all that follow.
    """

    student: Student
    data: TrainingSet
    recipe: Recipe
    interval: int
    seeds: SeedTree
    room: Callable[[], None]

    def __call__(self, number: int, before: Parameters | None) -> Parameters:
        if before is None:
            self.room()
        begin = None if before is None else ((number - 1) * self.interval, before)
        recipe = replace(self.recipe, steps=number * self.interval)
        try:
            found = train(self.student, self.data, recipe, self.seeds, begin=begin)
        except DivergedError as error:
            raise DivergedError(_advice(str(error), recipe)) from None
        return {branch: flat.cpu() for branch, flat in found.items()}


def _advice(problem: str, recipe: Recipe) -> str:
    return f"an expert's {problem} Lower expert_rate = {recipe.learning_rate:g}."


def _check_growth(path: Trajectory, rate: float) -> None:
    """Weights that are a thousand times as long as at the start have learned nothing that could be followed."""
    for branch, snapshots in path.items():
        growth = float(snapshots[-1].norm() / snapshots[0].norm().clamp_min(1))
        if not growth <= LARGEST_GROWTH:
            raise DivergedError(
                f"an expert is broken: its {branch} weights end {growth:.3g} times as long as they began. "
                f"Lower expert_rate = {rate:g}."
            )


@torch.no_grad()
def _check_learned(student: Student, data: TrainingSet, path: Trajectory, recipe: Recipe) -> None:
    """Compare the loss of one batch at both ends."""
    positions = data.positions(0, recipe.batch, SeedTree(0).child(f"{STREAM} check"))
    inputs = data.tower_inputs(positions)
    before, after = (
        float(student.loss(inputs, {branch: snapshots[end].to(student.device) for branch, snapshots in path.items()}))
        for end in (0, -1)
    )
    if not after <= max(before, math.log(len(positions))):
        problem = f"loss went from {before:.3g} to {after:.3g}, above that of chance."
        raise DivergedError(_advice(problem, recipe))


def draw_segment(
    trajectories: list[Trajectory],
    *,
    last_start: int,
    segment_length: int,
    generator: torch.Generator,
    device: str,
    first_start: int = 0,
    expert: int | None = None,
) -> Segment:
    """A segment of a random or a given expert from a random snapshot in ``first_start``..``last_start``.

    Its target is the snapshot ``segment_length`` later.

    Examples:
        >>> import torch
        >>> from vlbench.matching import draw_segment
        >>> expert = {"w": torch.arange(5.0)[:, None]}  # five snapshots of one weight
        >>> generator = torch.Generator().manual_seed(0)
        >>> segment = draw_segment([expert], last_start=2, segment_length=2, generator=generator, device="cpu")
        >>> segment.target["w"] - segment.start["w"]
        tensor([2.])
    """
    if expert is None:
        expert = int(torch.randint(len(trajectories), (), generator=generator))
    chosen = trajectories[expert]
    start = first_start + int(torch.randint(last_start - first_start + 1, (), generator=generator))
    return Segment(
        {branch: path[start].to(device) for branch, path in chosen.items()},
        {branch: path[start + segment_length].to(device) for branch, path in chosen.items()},
    )


def layout(student: Student) -> Layout:
    """Number of weights of every layer of a student's branches; a learned temperature is a layer of its own.

    Examples:
        >>> from pathlib import Path
        >>> import tempfile
        >>> from vlbench.matching import layout
        >>> from vlbench.testing import toy_context, toy_dataset
        >>> _, context = toy_context(toy_dataset(), Path(tempfile.mkdtemp()))
        >>> layout(context.student)
        {'image': [128], 'text': [128]}
    """
    sizes = {name: [1] for name in student.branches}
    for tower in student.towers.values():
        sizes |= {name: [shape.numel() for shape in flat.shapes] for name, flat in tower.branches.items()}
    return sizes


def convexified(path: Trajectory, layers: Layout) -> Trajectory:
    """The straight line between an expert's ends, walked as fast as the expert walked: per layer
    theta_t = (1 - b_t) theta_0 + b_t theta_T, with b_t the share of the layer's path length that lies before t.

    Source: PTM-ST (ICLR 2026), ``convexify.py``, after MCT.

    Examples:
        >>> import torch
        >>> from vlbench.matching import convexified
        >>> corner = {"w": torch.tensor([[0.0, 0.0], [1.0, 0.0], [1.0, 3.0]])}  # one step, then three to the side
        >>> convexified(corner, {"w": [2]})["w"]
        tensor([[0.0000, 0.0000],
                [0.2500, 0.7500],
                [1.0000, 3.0000]])
    """
    straight = {}
    for branch, snapshots in path.items():
        whole = torch.stack(list(snapshots))  # [snapshot, parameter]
        parts = [_straight(part) for part in whole.split(layers[branch], dim=1)]
        straight[branch] = torch.cat(parts, 1)
    return straight


def _straight(snapshots: Float[Tensor, "snapshot weight"]) -> Float[Tensor, "snapshot weight"]:
    walked = snapshots.diff(dim=0).norm(dim=1).cumsum(0)
    share = torch.cat([walked.new_zeros(1), walked / walked[-1].clamp_min(1e-30)])[:, None]  # [snapshot, 1]
    return (1 - share) * snapshots[0] + share * snapshots[-1]


def mixed(anchor: Parameters, one: Parameters, two: Parameters, layers: Layout, *, alpha: float = 0.5) -> Parameters:
    """A teacher between two experts: per layer theta = anchor + alpha t (d_1 + d_2) / 2, with d_i the way from the
    anchor to expert i and t = 2 <d_1, d_2> / (|d_1| |d_2| + <d_1, d_2>), at least 0.

    Source: MDM (CVPR 2026), section 3; Model Stock's interpolation.

    Examples:
        >>> import torch
        >>> from vlbench.matching import mixed
        >>> one = {"w": torch.tensor([2.0, 0.0])}
        >>> mixed({"w": torch.zeros(2)}, one, one, {"w": [2]})["w"]  # two that agree: half of the way there
        tensor([1., 0.])
    """
    teacher = {}
    for branch, start in anchor.items():
        parts = []
        sizes = layers[branch]
        for base, first, second in zip(*(x.split(sizes) for x in (start, one[branch], two[branch])), strict=True):
            ways = first - base, second - base
            inner = ways[0] @ ways[1]
            share = 2 * inner / (ways[0].norm() * ways[1].norm() + inner).clamp_min(1e-30)
            parts.append(base + alpha * share.clamp(0, 1) * (ways[0] + ways[1]) / 2)
        teacher[branch] = torch.cat(parts)
    return teacher

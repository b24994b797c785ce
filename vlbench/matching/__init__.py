"""For distillers: learned pairs, experts, the matching loss with its exact gradient, and the outer loop around them.

A distiller is its loss. :class:`PathDistiller` follows the paths of experts, and a subclass says what students minimise
on the way; :class:`LossDistiller` minimises any loss of what a student reads of the pairs. Start, valid range,
rounding, optimiser, checkpoints, time limit, curve and artifact are shared, so that methods differ by what they are.

Examples:
    >>> import torch
    >>> from vlbench.matching import to_coefficients, to_pixels
    >>> pixels = torch.rand(2, 3, 8, 8)
    >>> torch.allclose(to_pixels(to_coefficients(pixels)), pixels, atol=1e-5)
    True
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vlbench.lazy import lazy_name

if TYPE_CHECKING:
    from vlbench.matching.basis import to_coefficients, to_pixels
    from vlbench.matching.distiller import (
        Distiller,
        LossDistiller,
        PathDistiller,
        Plan,
        batch_targets,
        settings_of_loss,
    )
    from vlbench.matching.experts import (
        Trajectory,
        convexified,
        draw_segment,
        layout,
        mixed,
        train_experts,
    )
    from vlbench.matching.gradient import (
        Inputs,
        Matched,
        Parameters,
        Segment,
        inner_path,
        match,
        matching_loss,
        tesla,
        unrolled,
    )
    from vlbench.matching.inner_rates import first_rates
    from vlbench.matching.learned import LearnedItems, LearnedVectors
    from vlbench.matching.options import LearnOptions, StepOptions
    from vlbench.matching.outer import Outer, outer_start, outer_step
    from vlbench.matching.paths import PathStage
    from vlbench.matching.settings import Experts, Settings, Task
    from vlbench.matching.soft_targets import TARGETS, LearnedTargets, as_targets
    from vlbench.matching.stage import Gradient, Stage, State
    from vlbench.matching.start import Form, Start, draw_start

__all__ = [
    "TARGETS",
    "Distiller",
    "Experts",
    "Form",
    "Gradient",
    "Inputs",
    "LearnOptions",
    "LearnedItems",
    "LearnedTargets",
    "LearnedVectors",
    "LossDistiller",
    "Matched",
    "Outer",
    "Parameters",
    "PathDistiller",
    "PathStage",
    "Plan",
    "Segment",
    "Settings",
    "Stage",
    "Start",
    "State",
    "StepOptions",
    "Task",
    "Trajectory",
    "as_targets",
    "batch_targets",
    "convexified",
    "draw_segment",
    "draw_start",
    "first_rates",
    "inner_path",
    "layout",
    "match",
    "matching_loss",
    "mixed",
    "outer_start",
    "outer_step",
    "settings_of_loss",
    "tesla",
    "to_coefficients",
    "to_pixels",
    "train_experts",
    "unrolled",
]

_MODULES = {
    "vlbench.matching.basis": ("to_coefficients", "to_pixels"),
    "vlbench.matching.distiller": (
        "Distiller", "LossDistiller", "PathDistiller", "Plan", "batch_targets", "settings_of_loss",
    ),
    "vlbench.matching.experts": ("Trajectory", "convexified", "draw_segment", "layout", "mixed", "train_experts"),
    "vlbench.matching.gradient": (
        "Inputs", "Matched", "Parameters", "Segment", "inner_path", "match", "matching_loss", "tesla", "unrolled",
    ),
    "vlbench.matching.inner_rates": ("first_rates",),
    "vlbench.matching.learned": ("LearnedItems", "LearnedVectors"),
    "vlbench.matching.options": ("LearnOptions", "StepOptions"),
    "vlbench.matching.outer": ("Outer", "outer_start", "outer_step"),
    "vlbench.matching.paths": ("PathStage",),
    "vlbench.matching.settings": ("Experts", "Settings", "Task"),
    "vlbench.matching.soft_targets": ("TARGETS", "LearnedTargets", "as_targets"),
    "vlbench.matching.stage": ("Gradient", "Stage", "State"),
    "vlbench.matching.start": ("Form", "Start", "draw_start"),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    return lazy_name(__name__, _MODULES, name)

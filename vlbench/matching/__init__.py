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
    from vlbench.matching.distiller import LossDistiller, PathDistiller, Plan, batch_targets, settings_of_loss
    from vlbench.matching.experts import convexified, draw_segment, layout, mixed, train_experts
    from vlbench.matching.gradient import Segment, inner_path, match, matching_loss, tesla, unrolled
    from vlbench.matching.inner_rates import first_rates
    from vlbench.matching.learned import LearnedItems, LearnedVectors
    from vlbench.matching.options import LearnOptions, StepOptions
    from vlbench.matching.outer import Outer, outer_start, outer_step
    from vlbench.matching.settings import Experts, Settings, Task
    from vlbench.matching.start import Form, Start, draw_start

__all__ = [
    "Experts",
    "Form",
    "LearnOptions",
    "LearnedItems",
    "LearnedVectors",
    "LossDistiller",
    "Outer",
    "PathDistiller",
    "Plan",
    "Segment",
    "Settings",
    "Start",
    "StepOptions",
    "Task",
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
    "vlbench.matching.basis": (
        "to_coefficients",
        "to_pixels",
    ),
    "vlbench.matching.distiller": (
        "LossDistiller",
        "PathDistiller",
        "Plan",
        "batch_targets",
        "settings_of_loss",
    ),
    "vlbench.matching.experts": (
        "convexified",
        "draw_segment",
        "layout",
        "mixed",
        "train_experts",
    ),
    "vlbench.matching.gradient": (
        "Segment",
        "inner_path",
        "match",
        "matching_loss",
        "tesla",
        "unrolled",
    ),
    "vlbench.matching.inner_rates": ("first_rates",),
    "vlbench.matching.learned": (
        "LearnedItems",
        "LearnedVectors",
    ),
    "vlbench.matching.options": (
        "LearnOptions",
        "StepOptions",
    ),
    "vlbench.matching.outer": (
        "Outer",
        "outer_start",
        "outer_step",
    ),
    "vlbench.matching.settings": (
        "Experts",
        "Settings",
        "Task",
    ),
    "vlbench.matching.start": (
        "Form",
        "Start",
        "draw_start",
    ),
}


def __getattr__(name: str) -> Any:
    return lazy_name(__name__, _MODULES, name)

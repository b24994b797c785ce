"""The state of an outer loop as a method's checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vlbench.matching.stage import State

if TYPE_CHECKING:
    from vlbench.methods.context import Context

GROUPS = ("variables", "tower_inputs", "moments")


def save_state(context: Context, state: State, curve: str) -> None:
    """Keep a state, and the curve so far, as named tensors."""
    tensors = {"stage": torch.tensor(state.stage), "step": torch.tensor(state.step)}
    tensors["curve"] = torch.tensor(context.curves[curve], dtype=torch.float64)
    for group in GROUPS:
        tensors |= {f"{group}/{name}": value for name, value in getattr(state, group).items()}
    context.save_checkpoint(tensors)


def load_state(context: Context, curve: str) -> tuple[int, State | None]:
    """Stage and state that :func:`save_state` kept, or stage 0 and None."""
    kept = context.load_checkpoint()
    if kept is None:
        return 0, None
    for value in kept["curve"].tolist():
        context.curve(curve, value)
    groups: dict[str, dict[str, Tensor]] = {group: {} for group in GROUPS}
    for name, value in kept.items():
        group, slash, key = name.partition("/")
        if slash:
            groups[group][key] = value.to(context.device)
    stage = int(kept["stage"])
    return stage, State(stage, int(kept["step"]), **groups)

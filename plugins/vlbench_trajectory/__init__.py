"""Methods that match the trajectories of experts: ``vldd``."""

from __future__ import annotations

from vlbench import MethodSpec, hookimpl
from vlbench_trajectory.options import VLDDOptions


@hookimpl
def vlbench_methods() -> list[MethodSpec]:
    """The methods of this package."""
    return [
        MethodSpec(
            name="vldd",
            target="vlbench_trajectory.vldd:VLDD",
            options=VLDDOptions,
            family="distillation",
            summary="Learn pixels and text vectors whose students follow experts' paths: bi-trajectory matching.",
            paper="Wu, Zhang, Deng and Russakovsky: Vision-Language Dataset Distillation. TMLR 2024.",
            advice="Try lower item_rate and vector_rate, more outer_steps, or stay=1.",
            quick={"experts": 2, "expert_steps": 24, "inner_steps": 4, "outer_steps": 8, "averaged": 1},
        )
    ]

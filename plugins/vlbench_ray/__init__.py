"""Rows of one command on a Ray cluster."""

from __future__ import annotations

import vlbench


@vlbench.hookimpl
def vlbench_executors() -> list[vlbench.Declaration]:
    """On the cluster that RAY_ADDRESS names, or on a Ray of this machine's own."""
    return [
        vlbench.Declaration("ray", "vlbench_ray.on_ray:on_ray", "Rows as tasks of Ray, tried again where a node dies.")
    ]

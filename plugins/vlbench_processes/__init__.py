"""Rows of one command side by side, each in a process of its own."""

from __future__ import annotations

import vlbench


@vlbench.hookimpl
def vlbench_executors() -> list[vlbench.Declaration]:
    """As many at a time as VLBENCH_WORKERS says."""
    summary = "Rows side by side on this machine: VLBENCH_WORKERS at a time, or one for each GPU or core."
    return [vlbench.Declaration("processes", "vlbench_processes.side_by_side:side_by_side", summary)]

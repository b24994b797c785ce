"""Rows of one command as jobs of Slurm, through submitit."""

from __future__ import annotations

import vlbench


@vlbench.hookimpl
def vlbench_executors() -> list[vlbench.Declaration]:
    """As an array of jobs, with the settings that VLBENCH_SLURM holds."""
    summary = "Rows as an array of Slurm jobs, which go on where the time limit stopped them."
    return [vlbench.Declaration("slurm", "vlbench_slurm.on_slurm:on_slurm", summary)]

"""The toy runs of the trajectory plugin's own tests."""

from ...plugins.vlbench_trajectory.conftest import generator, toy_run

__all__ = ["generator", "toy_run"]

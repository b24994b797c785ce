"""A dataset whose first side is depth: how far things are, with captions, and a tower for it."""

from __future__ import annotations

from dataclasses import dataclass

import vlbench


@dataclass(frozen=True)
class DepthOptions:
    """How many maps, and the seed they are made from."""

    train: int = vlbench.option(300, minimum=50, help="maps in train; val and test have a third of it each")
    seed: int = vlbench.option(0, minimum=0, help="seed of the generator")


@vlbench.hookimpl
def vlbench_datasets() -> list[vlbench.DatasetSpec]:
    """Boxes in front of a wall."""
    summary = "Synthetic depth maps of two boxes before a wall, two captions each."
    return [vlbench.DatasetSpec("depth", "vlbench_depth.maps:load", summary, DepthOptions, pairs_per_item=2)]


@vlbench.hookimpl
def vlbench_encoders() -> list[vlbench.EncoderSpec]:
    """One frozen encoder of depth maps."""
    summary = "Random smooth features of a depth map, 256."
    return [vlbench.EncoderSpec("depth-maps", "vlbench_depth.maps:DepthEncoder", "depth", summary)]


@vlbench.hookimpl
def vlbench_suites() -> list[vlbench.SuiteSpec]:
    """Heads on that encoder and on hashed words."""
    return [vlbench.SuiteSpec("depth", "vlbench_depth:depth.toml", "Synthetic depth maps; whole runs in seconds.")]

"""The hooks. Each takes no argument and returns a list of light declarations; none can change training or scoring."""

from __future__ import annotations

import pluggy

from vlbench.registry.specs import DatasetSpec, EncoderSpec, FormatSpec, MethodSpec, StudentSpec, SuiteSpec

GROUP = "vlbench"
"""Name of the entry point group, and of the pluggy project."""

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def vlbench_methods() -> list[MethodSpec]:  # type: ignore[empty-body]  # pluggy reads the signature only
    """Methods that condense a train split to a budget."""


@hookspec
def vlbench_datasets() -> list[DatasetSpec]:  # type: ignore[empty-body]
    """Data sets, and readers of data sets that a user has on disk."""


@hookspec
def vlbench_encoders() -> list[EncoderSpec]:  # type: ignore[empty-body]
    """Encoders that a protocol can put into a tower."""


@hookspec
def vlbench_students() -> list[StudentSpec]:  # type: ignore[empty-body]
    """Students that a protocol can name instead of writing out their towers."""


@hookspec
def vlbench_suites() -> list[SuiteSpec]:  # type: ignore[empty-body]
    """Named protocols, each a TOML file inside the plugin's package."""


@hookspec
def vlbench_formats() -> list[FormatSpec]:  # type: ignore[empty-body]
    """Forms that ``vlbench leaderboard --format`` can print the board in."""

"""The hooks. Each takes no argument and returns a list of light declarations; none can change training or scoring.

What a declaration's ``target`` is called with, and gives: docs/hooks.md, which the tests hold to this file.
"""

from __future__ import annotations

import pluggy

from vlbench.registry.api import GROUP
from vlbench.registry.specs import (
    DatasetSpec,
    Declaration,
    EncoderSpec,
    HeadSpec,
    MethodSpec,
    PublishedSpec,
    StudentSpec,
    SuiteSpec,
)

hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)
"""Marks a function of a plugin's module as the implementation of the hook that it is named after.

Examples:
    >>> import vlbench
    >>> @vlbench.hookimpl
    ... def vlbench_suites():
    ...     return [vlbench.SuiteSpec(name="memes-100", file="my_memes:memes-100.toml", summary="Memes, 100 pairs.")]
    >>> [suite.name for suite in vlbench_suites()]
    ['memes-100']
"""


@hookspec
def vlbench_methods() -> list[MethodSpec]:  # type: ignore[empty-body]  # pluggy reads the signature only
    """Methods that condense a train split to a budget."""


@hookspec
def vlbench_datasets() -> list[DatasetSpec]:  # type: ignore[empty-body]
    """Datasets, and readers of datasets that a user has on disk."""


@hookspec
def vlbench_encoders() -> list[EncoderSpec]:  # type: ignore[empty-body]
    """Encoders that a protocol can put into a tower."""


@hookspec
def vlbench_heads() -> list[HeadSpec]:  # type: ignore[empty-body]
    """Heads that a tower can have."""


@hookspec
def vlbench_students() -> list[StudentSpec]:  # type: ignore[empty-body]
    """Students that a protocol can name instead of writing out their towers."""


@hookspec
def vlbench_scores() -> list[Declaration]:  # type: ignore[empty-body]
    """Metrics that records store next to the ranked ones."""


@hookspec
def vlbench_suites() -> list[SuiteSpec]:  # type: ignore[empty-body]
    """Named protocols, each a TOML file inside the plugin's package."""


@hookspec
def vlbench_published() -> list[PublishedSpec]:  # type: ignore[empty-body]
    """Numbers that papers report, each a CSV file inside the plugin's package."""


@hookspec
def vlbench_formats() -> list[Declaration]:  # type: ignore[empty-body]
    """Forms that ``vlbench leaderboard --format`` can print the board in."""


@hookspec
def vlbench_commands() -> list[Declaration]:  # type: ignore[empty-body]
    """Commands of ``vlbench``."""


@hookspec
def vlbench_executors() -> list[Declaration]:  # type: ignore[empty-body]
    """Ways to run the rows of one command."""


@hookspec
def vlbench_observers() -> list[Declaration]:  # type: ignore[empty-body]
    """Observers, which receive phases and finished records."""

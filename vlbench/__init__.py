"""vlbench: shrink an image-text dataset to a few hundred pairs, train new models on them, and compare methods fairly.

The names in ``__all__`` and :mod:`vlbench.testing` are all that a plugin or a notebook needs; nothing else is
promised. What only some need stands in a module of its own: :mod:`vlbench.students` for methods that train students,
:mod:`vlbench.matching` for those that learn pairs, :mod:`vlbench.artifacts` for what they store, :mod:`vlbench.data`
for readers of a user's files. Each is imported when it is first used, so that ``import vlbench`` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vlbench import errors
from vlbench.lazy import lazy_name

if TYPE_CHECKING:
    from vlbench import artifacts, board, data, encoders, matching, students
    from vlbench.artifacts.artifact import DistilledPairs, Selection, load_artifact
    from vlbench.board.notebook import leaderboard
    from vlbench.budget import Budget
    from vlbench.data.fingerprint import fingerprint
    from vlbench.data.pairs import PairDataset, Split
    from vlbench.data.views import TrainView
    from vlbench.encoders.base import Encoder
    from vlbench.methods.context import Context
    from vlbench.methods.method import Method, Selector
    from vlbench.records.record import Record
    from vlbench.registry.api import PLUGIN_API
    from vlbench.registry.hookspecs import hookimpl
    from vlbench.registry.options import option
    from vlbench.registry.specs import (
        DatasetSpec,
        Declaration,
        EncoderSpec,
        MethodSpec,
        StudentSpec,
        SuiteSpec,
    )
    from vlbench.runs.run import run, score
    from vlbench.seeds import SeedTree

__version__ = "0.2.0"

__all__ = [
    "PLUGIN_API",
    "Budget",
    "Context",
    "DatasetSpec",
    "Declaration",
    "DistilledPairs",
    "Encoder",
    "EncoderSpec",
    "Method",
    "MethodSpec",
    "PairDataset",
    "Record",
    "SeedTree",
    "Selection",
    "Selector",
    "Split",
    "StudentSpec",
    "SuiteSpec",
    "TrainView",
    "artifacts",
    "board",
    "data",
    "encoders",
    "errors",
    "fingerprint",
    "hookimpl",
    "leaderboard",
    "load_artifact",
    "matching",
    "option",
    "run",
    "score",
    "students",
]

_MODULES = {
    "vlbench.board.notebook": ("leaderboard",),
    "vlbench.budget": ("Budget",),
    "vlbench.artifacts.artifact": ("DistilledPairs", "Selection", "load_artifact"),
    "vlbench.methods.context": ("Context",),
    "vlbench.methods.method": ("Method", "Selector"),
    "vlbench.data.fingerprint": ("fingerprint",),
    "vlbench.data.pairs": ("PairDataset", "Split"),
    "vlbench.data.views": ("TrainView",),
    "vlbench.records.record": ("Record",),
    "vlbench.registry.api": ("PLUGIN_API",),
    "vlbench.registry.hookspecs": ("hookimpl",),
    "vlbench.registry.options": ("option",),
    "vlbench.registry.specs": (
        "Declaration",
        "DatasetSpec",
        "EncoderSpec",
        "MethodSpec",
        "StudentSpec",
        "SuiteSpec",
    ),
    "vlbench.runs.run": ("run", "score"),
    "vlbench.seeds": ("SeedTree",),
    "vlbench.encoders.base": ("Encoder",),
}
SUBMODULES = ("artifacts", "board", "data", "encoders", "matching", "students")


def __getattr__(name: str) -> Any:
    if name in SUBMODULES:
        return importlib.import_module(f"vlbench.{name}")
    return lazy_name(__name__, _MODULES, name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]

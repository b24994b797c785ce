"""What goes by a name, and running the checks on it. Light until a check runs."""

from __future__ import annotations

import dataclasses
import functools
import importlib
import os
import shutil
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlbench.registry.loader import load_registry
from vlbench.registry.options import NoOptions, parse_options
from vlbench.registry.registry import KINDS, Plugin, Registry
from vlbench.registry.specs import DatasetSpec, EncoderSpec, HeadSpec, MethodSpec, Spec, StudentSpec, SuiteSpec, resolve
from vlbench.registry.suggestions import unknown_name
from vlbench.testing.results import Check, CheckResult, require, run_checks

Options = Mapping[str, object]
FEATURES = 16
"""That a student's heads read in its check, whose encoders are not made."""

_MODELS = (
    "torch",
    "torchvision",
    "timm",
    "transformers",
    "sentence_transformers",
    "peft",
    "faiss",
    "tensorflow",
    "jax",
)
_TABLES = ("sklearn", "scipy", "datasets", "pandas", "pyarrow", "matplotlib", "cv2")
_LIST = f"""
import sys
from vlbench.registry.loader import try_plugins
try_plugins(sys.argv[1:])
print(*(name for name in {_MODELS + _TABLES} if name in sys.modules))
"""
_CHECKS = {
    "method": ("methods", "METHOD_CHECKS"),
    "dataset": ("datasets", "DATASET_CHECKS"),
    "encoder": ("encoders", "ENCODER_CHECKS"),
    "head": ("heads", "HEAD_CHECKS"),
    "suite": ("suites", "SUITE_CHECKS"),
}
"""Kind -> module and name of its checks; other kinds are only imported."""


@dataclass(frozen=True)
class Subject:
    """One thing that can be checked.

    Attributes:
        kind: ``plugin``, ``method``, ``dataset``, ``encoder``, ``head`` or ``suite``.
        spec: its declaration; how it was loaded, for a plugin.
        registry: where it stands.
    """

    kind: str
    spec: Spec | Plugin
    registry: Registry

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def options(self) -> type:
        return getattr(self.spec, "options", NoOptions)

    @property
    def option_names(self) -> list[str]:
        return [field.name for field in dataclasses.fields(self.options)]

    def checks(self) -> tuple[Check, ...]:
        return _checks(self.kind)

    def harness(self, options: Options) -> Any:
        return _harness(self, options)


def subjects(what: str | Spec, registry: Registry) -> list[Subject]:
    """All that goes by a name: methods, datasets, encoders, suites, and a plugin with everything it declares.

    Raises:
        UnknownNameError: nothing is called so.
    """
    if not isinstance(what, str):
        return [Subject(next(name for name, kind in KINDS.items() if isinstance(what, kind.spec)), what, registry)]
    declared = [(kind, spec) for kind in KINDS for spec in registry.all(kind).values()]
    plugin = next((plugin for plugin in registry.plugins if plugin.name == what), None)
    found = [Subject("plugin", plugin, registry)] if plugin else []
    for kind, spec in declared:
        if spec.name == what or (plugin and registry.owner(kind, spec.name) == plugin.name):
            found.append(Subject(kind, spec, registry))
    if not found:
        names = {spec.name for _, spec in declared} | {plugin.name for plugin in registry.plugins}
        raise unknown_name(f"plugin, {', '.join(KINDS)}", what, names, hint="vlbench plugins")
    return found


def check_method(
    method: str | MethodSpec, registry: Registry | None = None, *, options: Options | None = None
) -> list[CheckResult]:
    """Run every check on a method, on toy data, and say how each went. Nothing is raised for a broken rule.

    Args:
        method: a registered name, or a declaration.
        registry: where the name is looked up; all installed plugins by default.
        options: of the method, as ``-o`` takes them; they go before those of ``MethodSpec.quick``.

    Raises:
        UnknownNameError: there is no method or option of that name.
        OptionError: an option has a value that is not allowed.

    Examples:
        >>> from vlbench.testing import check_method
        >>> failed = [result for result in check_method("random") if result.status == "failed"]
    """
    registry = registry or load_registry()
    spec = registry.get("method", method) if isinstance(method, str) else method
    return _results(Subject("method", spec, registry), options)


def check_dataset(
    dataset: str | DatasetSpec, registry: Registry | None = None, *, options: Options | None = None
) -> list[CheckResult]:
    """As :func:`check_method`, for a dataset; it is loaded several times, into folders of its own."""
    registry = registry or load_registry()
    spec = registry.get("dataset", dataset) if isinstance(dataset, str) else dataset
    return _results(Subject("dataset", spec, registry), options)


def check_encoder(
    encoder: str | EncoderSpec, registry: Registry | None = None, *, options: Options | None = None
) -> list[CheckResult]:
    """As :func:`check_method`, for an encoder; its items come from toys, or from a dataset of the same plugin."""
    registry = registry or load_registry()
    spec = registry.get("encoder", encoder) if isinstance(encoder, str) else encoder
    return _results(Subject("encoder", spec, registry), options)


def check_suite(suite: str | SuiteSpec, registry: Registry | None = None) -> list[CheckResult]:
    """As :func:`check_method`, for a suite; nothing is trained."""
    registry = registry or load_registry()
    spec = registry.get("suite", suite) if isinstance(suite, str) else suite
    return _results(Subject("suite", spec, registry), None)


def check_plugin(
    name: str, registry: Registry | None = None, *, options: Mapping[str, Options] | None = None
) -> list[CheckResult]:
    """The checks of everything that goes by a name, or that the plugin of that name declares.

    Args:
        name: of a plugin, method, dataset, encoder or suite.
        registry: where the name is looked up; all installed plugins by default.
        options: name -> its options, as ``-o`` takes them.

    Raises:
        UnknownNameError: nothing is called so, or there is no option of some name.
        OptionError: an option has a value that is not allowed.
    """
    found = subjects(name, registry or load_registry())
    return [result for subject in found for result in _results(subject, given_to(subject, options))]


def given_to(subject: Subject, options: Mapping[str, Options] | None) -> Options:
    """The options under its name; a plugin has none, though it may be called like what it declares."""
    return {} if subject.kind == "plugin" else (options or {}).get(subject.name, {})


def check_options(subject: Subject, options: Options) -> None:
    """Raise for an option that there is not, and for a value that does not fit."""
    hint = f"vlbench methods {subject.name}" if subject.kind == "method" else ""
    parse_options(subject.options, options, owner=f"{subject.kind} {subject.name!r}", hint=hint)


def _results(subject: Subject, options: Options | None) -> list[CheckResult]:
    if options:
        check_options(subject, options)
    return list(run_checks(subject.kind, subject.name, subject.checks(), subject.harness(options or {})))


def check_plugin_is_loaded(plugin: Plugin) -> None:
    """The plugin is imported, and all that it declares is taken."""
    require(plugin.used, f"{plugin.status}: {plugin.detail}")


def check_listing_imports_nothing_heavy(plugin: Plugin) -> None:
    """Asking the plugin what it declares, in a fresh process, imports no library that takes seconds to import."""
    variables = {"VLBENCH_PLUGINS_ALLOW": plugin.name, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-c", _LIST, *([plugin.file] if plugin.file else [])]
    listed = subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=True)
    heavy = listed.stdout.splitlines()[-1].split()
    advice = "Import it inside the functions that use it. python -X importtime shows who does."
    require(not heavy, f"it imports {', '.join(heavy)} when it is listed. {advice}")


def check_target_can_be_imported(spec: Any) -> None:
    """What its declaration points at can be imported."""
    if hasattr(spec, "target"):
        resolve(spec.target)


def check_student_can_be_built(student: tuple[StudentSpec, Registry]) -> None:
    """Its towers have keys and values that a suite may have, and encoders that are declared and take their options."""
    from vlbench.protocol.protocol import parse_student
    from vlbench.runs.heads import make_head

    spec, registry = student
    config = parse_student(spec.table(), f"student {spec.name!r}")
    for side, tower in config.towers.items():
        encoder = registry.get("encoder", tower.encoder)
        parse_options(encoder.options, tower.options, owner=f"student {spec.name!r}: {side}: encoder {tower.encoder!r}")
        make_head(registry, tower.head, FEATURES)


def _checks(kind: str) -> tuple[Check, ...]:
    if kind == "plugin":
        return (check_plugin_is_loaded, check_listing_imports_nothing_heavy)
    if kind == "student":
        return (check_student_can_be_built,)
    if kind not in _CHECKS:
        return (check_target_can_be_imported,)
    module, name = _CHECKS[kind]
    checks: tuple[Check, ...] = getattr(importlib.import_module(f"vlbench.testing.{module}"), name)
    return checks


def _harness(subject: Subject, options: Options) -> Any:
    spec = subject.spec
    if isinstance(spec, StudentSpec):
        return spec, subject.registry
    if subject.kind not in _CHECKS:
        return spec
    if isinstance(spec, SuiteSpec):
        from vlbench.testing.suites import SuiteHarness

        return SuiteHarness(spec, subject.registry)
    if isinstance(spec, MethodSpec):
        from vlbench.testing.harness import MethodHarness

        return _in_a_folder(functools.partial(MethodHarness, spec, options=options))
    if isinstance(spec, DatasetSpec):
        from vlbench.testing.datasets import DatasetHarness

        return _in_a_folder(functools.partial(DatasetHarness, spec, options=options))
    if isinstance(spec, HeadSpec):
        from vlbench.testing.heads import HeadHarness

        return HeadHarness(spec, options)
    assert isinstance(spec, EncoderSpec)
    from vlbench.testing.encoders import EncoderHarness

    return _in_a_folder(functools.partial(EncoderHarness, spec, subject.registry, options=options))


def _in_a_folder(make: Callable[..., Any]) -> Any:
    folder = Path(tempfile.mkdtemp(prefix="vlbench-check-"))
    harness = make(folder=folder)
    weakref.finalize(harness, shutil.rmtree, folder, ignore_errors=True)
    return harness

"""Plugins that exist: the core, installed ones and files. Finding one does not import it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

import vlbench
from vlbench.errors import PluginError
from vlbench.registry.api import GROUP

_loaded_files: dict[str, Path] = {}
"""Module name -> file, of the file plugins that this process has put into sys.modules."""


@dataclass(frozen=True)
class PluginSource:
    """Where a plugin can be imported from.

    Attributes:
        name: of its entry point, or the stem of its file.
        module: dotted name that it will be imported as.
        load: imports it.
        distribution, version: where it came from; "" for a file.
        file: its path as given; "" for an installed one.
        always_allowed: cannot be blocked.
    """

    name: str
    module: str
    load: Callable[[], object]
    distribution: str = ""
    version: str = ""
    file: str = ""
    always_allowed: bool = False


class RefusedError(Exception):
    """Why a plugin is not used."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


def core() -> PluginSource:
    """What vlbench itself declares."""
    module = "vlbench.builtin"
    load = partial(importlib.import_module, module)
    return PluginSource("vlbench", module, load, "vlbench", vlbench.__version__, always_allowed=True)


def installed() -> list[PluginSource]:
    """Installed plugins; those of the vlbench distribution first, so that nobody can take their names."""
    import importlib.metadata

    entries = importlib.metadata.entry_points(group=GROUP)
    # Once each: every question of a distribution reads its file again, and vlbench's own has many entries.
    origins = {one: (one.name, one.version) for one in {entry.dist for entry in entries} if one}
    found = [
        PluginSource(
            entry.name,
            entry.value.partition(":")[0].strip(),
            entry.load,
            *(origins[entry.dist] if entry.dist else ("", "")),
        )
        for entry in entries
    ]
    return sorted(found, key=lambda plugin: (plugin.distribution != "vlbench", plugin.name))


def file(path: Path) -> PluginSource:
    """A plugin in one file.

    Raises:
        PluginError: there is no such file.
    """
    if not path.is_file():
        raise PluginError(
            f"plugin file {str(path)!r} does not exist. Give the path of a Python file, as in every_nth.py."
        )
    return PluginSource(path.stem, path.stem, lambda: _import_file(path.resolve()), file=str(path))


def _import_file(path: Path) -> ModuleType:
    """Import a file as the module named after its stem, so that its targets ``"stem:Class"`` resolve."""
    name = path.stem
    if not name.isidentifier():
        raise RefusedError(
            "import error", f"file name {path.name!r} is no module name. Use letters, digits and '_' only."
        )
    if _loaded_files.get(name) == path and name in sys.modules:
        return sys.modules[name]
    if name not in _loaded_files and _taken_by_another(name, path):
        raise RefusedError("duplicate", f"another module is called {name!r}. Rename the file.")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise RefusedError("import error", f"{path.name!r} is no Python file. Its name must end in .py.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    _loaded_files[name] = path
    return module


def _taken_by_another(name: str, path: Path) -> bool:
    if name in sys.modules:
        file = getattr(sys.modules[name], "__file__", None)
        return file is None or Path(file).resolve() != path
    spec = importlib.util.find_spec(name)
    return spec is not None and (spec.origin is None or Path(spec.origin).resolve() != path)

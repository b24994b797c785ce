"""Finding plugins and calling each on its own, so that a broken one is reported by name and the rest go on."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pluggy

from vlbench.errors import PluginError
from vlbench.registry import builtin, hookspecs
from vlbench.registry.registry import KINDS, Plugin, Registry
from vlbench.registry.specs import Spec

_loaded_files: dict[str, Path] = {}
"""Module name -> file, of the file plugins that this process has put into sys.modules."""


@dataclass(frozen=True)
class _Found:
    """A plugin that exists but has not been imported."""

    name: str
    load: Callable[[], object]
    distribution: str = ""
    version: str = ""
    always_allowed: bool = False


class _RefusedError(Exception):
    """Why a plugin is not used."""

    def __init__(self, status: str, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


def load_registry(plugin_files: Sequence[str] = ()) -> Registry:
    """Everything that the core, installed plugins and ``plugin_files`` declare.

    Environment: ``VLBENCH_BLOCK_PLUGINS`` and ``VLBENCH_ALLOW_PLUGINS`` are comma lists of plugin names;
    ``VLBENCH_STRICT=1`` turns any status but ok into an error.

    Args:
        plugin_files: paths of single-file plugins; each becomes a module named after its stem.

    Raises:
        PluginError: a plugin file does not exist, or VLBENCH_STRICT is set and a plugin is not ok.
    """
    registry = Registry()
    for found in [_core(), *_installed(), *(_file(Path(path)) for path in plugin_files)]:
        registry.plugins.append(_admit(found, registry))
    broken = [
        f"{plugin.name}: {plugin.status}. {plugin.detail}" for plugin in registry.plugins if plugin.status != "ok"
    ]
    if broken and os.environ.get("VLBENCH_STRICT", "") not in ("", "0"):
        raise PluginError("VLBENCH_STRICT is set and not every plugin is ok.\n" + "\n".join(broken))
    return registry


def _core() -> _Found:
    return _Found("vlbench", lambda: builtin, "vlbench", _version("vlbench"), always_allowed=True)


def _installed() -> list[_Found]:
    """Installed plugins; those of the vlbench distribution first, so that nobody can take their names."""
    found = [
        _Found(entry.name, entry.load, entry.dist.name if entry.dist else "", entry.dist.version if entry.dist else "")
        for entry in importlib.metadata.entry_points(group=hookspecs.GROUP)
    ]
    return sorted(found, key=lambda plugin: (plugin.distribution != "vlbench", plugin.name))


def _file(path: Path) -> _Found:
    if not path.is_file():
        raise PluginError(
            f"plugin file {str(path)!r} does not exist. Give the path of a Python file, as in every_nth.py."
        )
    return _Found(path.stem, lambda: _import_file(path.resolve()))


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _admit(found: _Found, registry: Registry) -> Plugin:
    """Take all that a plugin declares into the registry, or nothing of it."""
    status, detail = "ok", ""
    try:
        _check_allowed(found)
        declared = _declarations(found.name, _load(found))
        _check_free(declared, registry)
        for kind, spec in declared:
            registry.add(kind, spec, found.name)
    except _RefusedError as refused:
        status, detail = refused.status, refused.detail
    return Plugin(found.name, found.distribution, found.version, status, detail)


def _check_allowed(found: _Found) -> None:
    if found.always_allowed:
        return
    blocked, allowed = (_names_in(f"VLBENCH_{word}_PLUGINS") for word in ("BLOCK", "ALLOW"))
    if found.name in blocked:
        raise _RefusedError("blocked", "named in VLBENCH_BLOCK_PLUGINS")
    if allowed and found.name not in allowed:
        raise _RefusedError("blocked", "not named in VLBENCH_ALLOW_PLUGINS")


def _names_in(variable: str) -> set[str]:
    return {name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()}


def _load(found: _Found) -> object:
    try:
        with _foreign_code():
            return found.load()
    except _RefusedError:
        raise
    except ModuleNotFoundError as error:
        raise _RefusedError(f"missing dependency {error.name}", _cause(error)) from error
    except (Exception, SystemExit) as error:
        raise _RefusedError("import error", _cause(error)) from error


def _declarations(name: str, plugin: object) -> list[tuple[str, Spec]]:
    """(kind, spec) of all hooks of one plugin, under a plugin manager of its own."""
    manager = pluggy.PluginManager(hookspecs.GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin, name=name)
        manager.check_pending()
    except (pluggy.PluginValidationError, ValueError, TypeError) as error:
        raise _RefusedError("incompatible", " ".join(str(error).split())) from error
    declared: list[tuple[str, Spec]] = []
    implemented = 0
    for kind in KINDS.values():
        for implementation in getattr(manager.hook, kind.hook).get_hookimpls():
            implemented += 1
            declared += [(kind.name, spec) for spec in _call(kind.hook, implementation.function, kind.spec)]
    if not implemented:
        raise _RefusedError(
            "incompatible", "implements no hook. Mark a function such as vlbench_methods with @vlbench.hookimpl."
        )
    return declared


def _call(hook: str, function: Callable[[], object], spec_type: type[Spec]) -> list[Spec]:
    try:
        with _foreign_code():
            result = function()
    except ModuleNotFoundError as error:
        raise _RefusedError(f"missing dependency {error.name}", f"{hook} raised {_cause(error)}") from error
    except (Exception, SystemExit) as error:
        raise _RefusedError("incompatible", f"{hook} raised {_cause(error)}") from error
    if not isinstance(result, list | tuple):
        raise _RefusedError(
            "incompatible", f"{hook} returned {_short(result)}. It must return a list of {spec_type.__name__}."
        )
    for item in result:
        if not isinstance(item, spec_type):
            raise _RefusedError(
                "incompatible",
                f"{hook} returned a list with {_short(item)} in it. It must hold {spec_type.__name__} only.",
            )
    return list(result)


def _check_free(declared: list[tuple[str, Spec]], registry: Registry) -> None:
    seen: set[tuple[str, str]] = set()
    for kind, spec in declared:
        owner = registry.owner(kind, spec.name)
        if owner or (kind, spec.name) in seen:
            by = f"plugin {owner!r}" if owner else "this plugin itself"
            raise _RefusedError(
                "duplicate", f"{kind} {spec.name!r} is already declared by {by}. Nothing of this plugin is used."
            )
        seen.add((kind, spec.name))


def _import_file(path: Path) -> ModuleType:
    """Import a file as the module named after its stem, so that its targets ``"stem:Class"`` resolve."""
    name = path.stem
    if not name.isidentifier():
        raise _RefusedError(
            "import error", f"file name {path.name!r} is no module name. Use letters, digits and '_' only."
        )
    if _loaded_files.get(name) == path and name in sys.modules:
        return sys.modules[name]
    if name not in _loaded_files and _taken_by_another(name, path):
        raise _RefusedError("duplicate", f"another module is called {name!r}. Rename the file.")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise _RefusedError("import error", f"{path.name!r} is no Python file. Its name must end in .py.")
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


@contextlib.contextmanager
def _foreign_code() -> Iterator[None]:
    """What a plugin prints while it is listed must not get between the lines of --json."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def _cause(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

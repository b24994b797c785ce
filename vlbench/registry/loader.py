"""Calling each plugin on its own, so that a broken one is reported by name and the rest go on."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from vlbench.errors import PluginError
from vlbench.registry import discovery, hookspecs
from vlbench.registry.api import GROUP, why_unfit
from vlbench.registry.discovery import PluginSource, RefusedError
from vlbench.registry.invoke import line_of
from vlbench.registry.registry import KINDS, Kind, Plugin, Registry
from vlbench.registry.specs import Spec
from vlbench.registry.suggestions import closest
from vlbench.visible import cause_of

if TYPE_CHECKING:
    from vlbench.registry.guard import Contained

_PREFIX = "vlbench_"
RESERVED = frozenset(
    {"full", "chance", "start", "random-bytes", "random-pairs", "rescored", "readable", "nearest-real"}
)
"""Names of rows that are no method's, folded to lower case."""


def load_registry(plugin_files: Sequence[str] = (), *, installed: bool = True) -> Registry:
    """Everything that the core, installed plugins and ``plugin_files`` declare.

    Environment: ``VLBENCH_PLUGINS_BLOCK`` and ``VLBENCH_PLUGINS_ALLOW`` are comma lists of plugin names;
    ``VLBENCH_STRICT=1`` turns any status but ok into an error.

    Args:
        plugin_files: paths of single-file plugins; each becomes a module named after its stem.
        installed: whether installed plugins are asked, besides the core.

    Raises:
        PluginError: a plugin file does not exist or cannot be used, or VLBENCH_STRICT is set and a plugin is not ok.
    """
    registry = try_plugins(plugin_files, installed=installed)
    for plugin in registry.plugins:
        if plugin.file and not plugin.used:
            raise PluginError(f"plugin file {plugin.file!r} cannot be used, {plugin.status}: {plugin.detail}")
    check_strict(registry)
    return registry


def try_plugins(plugin_files: Sequence[str] = (), *, installed: bool = True) -> Registry:
    """As :func:`load_registry`, but whatever the plugins' status: for those who list it."""
    registry = Registry()
    registry.plugin_files = tuple(str(path) for path in plugin_files)
    others = discovery.installed() if installed else []
    for source in [discovery.core(), *others, *(discovery.file(Path(path)) for path in plugin_files)]:
        registry.plugins.append(_admit(source, registry))
    return registry


def check_strict(registry: Registry) -> None:
    """PluginError if VLBENCH_STRICT is set and a plugin is not ok."""
    faults = [f"{plugin.name}: {plugin.status}. {plugin.detail}" for plugin in registry.plugins if plugin.detail]
    if faults and os.environ.get("VLBENCH_STRICT", "") not in ("", "0"):
        raise PluginError("VLBENCH_STRICT is set and not every plugin is ok.\n" + "\n".join(faults))


def _admit(source: PluginSource, registry: Registry) -> Plugin:
    """Take all that a plugin declares into the registry, or nothing of it."""
    status, detail = "ok", ""
    try:
        _check_allowed(source)
        with _own_code() if source.distribution == "vlbench" else _foreign_code() as seen:
            plugin = _load(source)
            if unfit := why_unfit(plugin):
                raise RefusedError("incompatible", unfit)
            declared = _declarations(source.name, plugin)
        _check_free(declared, registry)
        for kind, spec in declared:
            registry.add(kind, spec, source.name)
        if seen is not None and seen.left:
            detail = f"Left changed for the whole process: {', '.join(seen.left)}. It was put back."
    except RefusedError as refused:
        status, detail = refused.status, refused.detail
    return Plugin(source.name, source.distribution, source.version, status, detail, source.file)


def _check_allowed(source: PluginSource) -> None:
    if source.always_allowed:
        return
    blocked, allowed = (_names_in(f"VLBENCH_PLUGINS_{word}") for word in ("BLOCK", "ALLOW"))
    if source.name in blocked:
        raise RefusedError("blocked", "named in VLBENCH_PLUGINS_BLOCK")
    if allowed and source.name not in allowed:
        raise RefusedError("blocked", "not named in VLBENCH_PLUGINS_ALLOW")


def _names_in(variable: str) -> set[str]:
    return {name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()}


def _load(source: PluginSource) -> object:
    try:
        return source.load()
    except (RefusedError, KeyboardInterrupt):
        raise
    except ModuleNotFoundError as error:
        raise RefusedError(f"missing dependency {error.name}", cause_of(error)) from error
    except BaseException as error:  # some libraries' errors, and sys.exit, are no Exception
        line = "" if isinstance(error, SyntaxError) else line_of(error, __file__, discovery.__file__)  # it says its own
        raise RefusedError("import error", cause_of(error) + line) from error


class _Manager(pluggy.PluginManager):
    """There is one for each plugin, and the hooks are the same for all."""

    def parse_hookspec_opts(self, module_or_class: Any, name: str) -> pluggy.HookspecOpts | None:
        return _hookspec(name) if module_or_class is hookspecs else super().parse_hookspec_opts(module_or_class, name)


@functools.cache
def _hookspec(name: str) -> pluggy.HookspecOpts | None:
    return pluggy.PluginManager(GROUP).parse_hookspec_opts(hookspecs, name)


def _declarations(name: str, plugin: object) -> list[tuple[str, Spec]]:
    """(kind, spec) of all hooks of one plugin, under a plugin manager of its own."""
    manager = _Manager(GROUP)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(plugin, name=name)
    except (pluggy.PluginValidationError, ValueError, TypeError) as error:
        raise RefusedError("incompatible", " ".join(str(error).split())) from error
    callers = manager.get_hookcallers(plugin) or []
    for caller in callers:
        if not caller.has_spec() and not all(marked.optionalhook for marked in caller.get_hookimpls()):
            raise RefusedError("incompatible", f"there is no hook {caller.name!r}.{_meant(caller.name)}")
    if not callers:
        raise RefusedError("incompatible", _no_hook(plugin))
    return [(kind.name, spec) for kind in KINDS.values() for spec in _call(kind, getattr(manager.hook, kind.hook))]


def _meant(name: str) -> str:
    hooks = {kind.hook.removeprefix(_PREFIX): kind.hook for kind in KINDS.values()}
    close = closest(name.removeprefix(_PREFIX), hooks)
    return f" Did you mean {hooks[close]!r}?" if close else f" There are {', '.join(hooks.values())}."


def _no_hook(plugin: object) -> str:
    mark = "Mark it with @vlbench.hookimpl."
    for name, value in vars(plugin).items():
        if name.startswith(_PREFIX) and callable(value):
            return f"implements no hook: {name} is not marked. {mark}"
    return f"implements no hook. Write a function such as vlbench_methods. {mark}"


def _call(kind: Kind, hook: pluggy.HookCaller) -> list[Spec]:
    """What the one implementation of a hook returns, checked."""
    if not hook.get_hookimpls():
        return []
    try:
        results = hook()
    except KeyboardInterrupt:
        raise
    except ModuleNotFoundError as error:
        raise RefusedError(f"missing dependency {error.name}", f"{kind.hook} raised {cause_of(error)}") from error
    except BaseException as error:
        raise RefusedError("incompatible", f"{kind.hook} raised {cause_of(error)}") from error
    result = results[0] if results else None  # pluggy leaves out an implementation that returns None
    expected = kind.spec.__name__
    if not isinstance(result, list | tuple):
        raise RefusedError(
            "incompatible", f"{kind.hook} returned {_short(result)}. It must return a list of {expected}."
        )
    for item in result:
        if not isinstance(item, kind.spec):
            raise RefusedError(
                "incompatible",
                f"{kind.hook} returned a list with {_short(item)} in it. It must hold {expected} only.",
            )
    return list(result)


def _check_free(declared: list[tuple[str, Spec]], registry: Registry) -> None:
    seen: set[tuple[str, str]] = set()
    for kind, spec in declared:
        if kind == "method" and spec.name.casefold() in RESERVED:
            raise RefusedError(
                "duplicate", f"method {spec.name!r} has the name of a row that every board has. Take another name."
            )
        owner = registry.owner(kind, spec.name)
        if owner or (kind, spec.name) in seen:
            by = f"plugin {owner!r}" if owner else "this plugin itself"
            raise RefusedError(
                "duplicate", f"{kind} {spec.name!r} is already declared by {by}. Nothing of this plugin is used."
            )
        seen.add((kind, spec.name))


@contextlib.contextmanager
def _own_code() -> Iterator[None]:
    """What a plugin prints while it is listed must not get between the lines of --json."""
    with contextlib.redirect_stdout(sys.stderr):
        yield


def _foreign_code() -> AbstractContextManager[Contained]:
    from vlbench.registry.guard import contained_import  # not needed where all plugins are our own

    return contained_import()


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

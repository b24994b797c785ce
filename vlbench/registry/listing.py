"""What installed plugins declare, by name, without importing them: for help pages and shell completion.

The names are cached until something is installed or removed, a plugin's source changes, or the environment variables
that choose plugins do. Whether they hold is seen from times of files alone: reading what is installed takes as long as
the rest of a help page.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vlbench.disk.place import default_cache

Names = dict[str, dict[str, str]]
"""Kind -> name -> summary."""


def listed(kind: str, plugin_files: Iterable[object] = ()) -> dict[str, str]:
    """Name -> summary of all declarations of a kind; empty where plugins cannot be loaded.

    Args:
        kind: as in :data:`vlbench.registry.registry.KINDS`.
        plugin_files: paths of single-file plugins; with any, plugins are imported.
    """
    files = [str(path) for path in plugin_files]
    names: Names = _declared(files)["names"] if files else _stored()["names"]
    return names.get(kind, {})


def all_usable() -> bool:
    """Whether every installed plugin can be used, so that there is nothing to say of any."""
    return bool(_stored()["usable"])


def _stored() -> dict[str, Any]:
    """What :func:`_declared` gives, from the cache where it holds."""
    cached = default_cache() / "names.json"
    key = _key()
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        found: Any = json.loads(cached.read_text(encoding="utf-8"))
        same = found["key"] == key and all(_written(path) == time for path, time in found["sources"].items())
        if same and {"usable", "names"} <= set(found):
            return dict(found)
    declared = _declared([])
    from vlbench.files import write_whole

    with contextlib.suppress(OSError):
        write_whole(cached, json.dumps({"key": key, "sources": _sources(), **declared}).encode())
    return declared


def _declared(files: list[str]) -> dict[str, Any]:
    """``names``: :data:`Names`; ``usable``: whether no plugin is left out."""
    from vlbench.registry.loader import try_plugins
    from vlbench.registry.registry import KINDS

    with contextlib.suppress(Exception):
        registry = try_plugins(files)
        names = {kind: {name: s.summary for name, s in registry.all(kind).items()} for kind in KINDS}
        return {"names": names, "usable": not any(plugin.detail for plugin in registry.plugins)}
    return {"names": {}, "usable": False}


def _key() -> list[Any]:
    """Changes where another set of plugins may be installed, or is chosen; JSON."""
    places = [[path, _written(path)] for path in sys.path]
    return [places, *(os.environ.get(f"VLBENCH_PLUGINS_{word}", "") for word in ("ALLOW", "BLOCK"))]


def _sources() -> dict[str, int]:
    """File of each plugin, or of its top-level package -> when it was written."""
    from vlbench.registry import discovery

    files = {_file(one.module) for one in (discovery.core(), *discovery.installed())}
    return {file: _written(file) for file in files if file}


def _file(module: str) -> str | None:
    with contextlib.suppress(Exception):
        spec = sys.modules[module].__spec__ if module in sys.modules else importlib.util.find_spec(module.split(".")[0])
        return spec.origin if spec is not None else None
    return None


def _written(path: str) -> int:
    """When a file, or the list of a folder's files, was last written, in nanoseconds; 0 where there is none."""
    with contextlib.suppress(OSError):
        return Path(path).stat().st_mtime_ns
    return 0

"""Calling what a declaration points at."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from vlbench.errors import PluginError, VlbenchError
from vlbench.registry.specs import resolve

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry


def call(registry: Registry, kind: str, name: str, /, **offered: object) -> Any:
    """Call the target of a declared name with those of the offered arguments that it takes, by name.

    So a later version can offer more without breaking anyone.

    Raises:
        PluginError: it cannot be imported, asks for an argument that is not offered, or raised; the plugin is named.
    """
    who = f"{kind} {name!r} of plugin {registry.owner(kind, name)!r}"
    try:
        function = resolve(registry.declared(kind)[name].target)
        return function(**_taken(function, offered))
    except VlbenchError as error:
        raise PluginError(f"{who}: {error}") from error
    except Exception as error:
        raise PluginError(f"{who} raised {type(error).__name__}: {error}") from error


def _taken(function: Callable[..., object], offered: Mapping[str, object]) -> dict[str, object]:
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return dict(offered)
    for parameter in parameters:
        needed = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
        if needed and (parameter.name not in offered or parameter.kind is parameter.POSITIONAL_ONLY):
            raise PluginError(
                f"its argument {parameter.name!r} is not offered. Take some of {', '.join(offered)}, by name."
            )
    return {parameter.name: offered[parameter.name] for parameter in parameters if parameter.name in offered}

"""Calling plugin code. It can change nothing but what it returns, and its errors name the plugin."""

from __future__ import annotations

import contextlib
import inspect
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.errors import PluginError, VlbenchError
from vlbench.registry.registry import KINDS
from vlbench.registry.specs import resolve
from vlbench.visible import cause_of

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry


def call(registry: Registry, kind: str, name: str, /, **offered: object) -> Any:
    """Call the target of a declaration with those of the offered arguments that it names.

    A later version can therefore offer more without breaking a plugin.

    Raises:
        PluginError: it cannot be imported, asks for an argument that is not offered, or raised; the plugin is named.
    """
    assert tuple(offered) == KINDS[kind].offers
    with attributed_to(registry, kind, name):
        return call_with_accepted(resolve(registry.all(kind)[name].target), offered)


def construct(registry: Registry, kind: str, name: str, *given: object) -> Any:
    """Call the target of a declaration with all documented arguments, by position.

    A :class:`VlbenchError` speaks to the user and passes unchanged.

    Raises:
        PluginError: it cannot be imported, or raised something else; the plugin and the line are named.
    """
    assert len(given) == len(KINDS[kind].offers)
    target = resolve(registry.all(kind)[name].target)
    who = _who(registry, kind, name)
    with reported(who if registry.foreign_owner(kind, name) else ""):
        try:
            return target(*given)
        except (VlbenchError, KeyboardInterrupt):
            raise
        except BaseException as error:  # sys.exit is no Exception
            cause = cause_of(error)
            raise PluginError(f"{who} raised {cause}{line_of(error, __file__)}.") from error


def import_all(registry: Registry, kind: str, names: Iterable[str]) -> None:
    """Import what several names point at before any of it runs: what one changes of another is then seen.

    What cannot be imported is an error where it is used.
    """
    from vlbench.registry.guard import contained_import

    for name in names:
        if name in registry.all(kind):
            with contextlib.suppress(PluginError, SystemExit), contained_import():
                resolve(registry.all(kind)[name].target)


def _who(registry: Registry, kind: str, name: str) -> str:
    return f"{kind} {name!r} of plugin {registry.owner(kind, name)!r}"


def line_of(error: BaseException, *own: str) -> str:
    """Where an error was raised, as `` (every_nth.py, line 3)``; "" if in one of our ``own`` files."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    last = frames[-1]
    return "" if last.filename in own else f" ({Path(last.filename).name}, line {last.lineno})"


def call_with_accepted(function: Callable[..., Any], offered: Mapping[str, object]) -> Any:
    """Call a function with those of the offered arguments that it names.

    Raises:
        PluginError: it needs another one.
    """
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return function(**offered)
    for parameter in parameters:
        needed = parameter.default is parameter.empty and parameter.kind is not parameter.VAR_POSITIONAL
        if needed and (parameter.name not in offered or parameter.kind is parameter.POSITIONAL_ONLY):
            some = f"Take some of {', '.join(offered)}, by name." if offered else "It is called with nothing."
            raise PluginError(f"its argument {parameter.name!r} is not offered. {some}")
    return function(
        **{parameter.name: offered[parameter.name] for parameter in parameters if parameter.name in offered}
    )


@contextlib.contextmanager
def attributed_to(registry: Registry, kind: str, name: str) -> Iterator[None]:
    """Errors inside name the plugin; what a stranger's prints and changes in the process has no effect on the run.

    What ships with vlbench is trusted: within its own executors the observers of a run still write where they did.
    """
    who = _who(registry, kind, name)
    with reported(who) if registry.foreign_owner(kind, name) else contextlib.nullcontext():
        try:
            yield
        except KeyboardInterrupt:
            raise
        except VlbenchError as error:
            raise PluginError(f"{who}: {error}") from error
        except BaseException as error:  # some libraries' errors, and sys.exit, are no Exception
            raise PluginError(f"{who} raised {cause_of(error)}") from error


_BY_IMPORTS = {"environment variables", "sys.path"}
"""What libraries change when they are first imported; restored without a message."""
_reported: set[str] = set()


@contextlib.contextmanager
def reported(who: str) -> Iterator[None]:
    """Run plugin code :func:`contained <vlbench.registry.guard.contained>`; report once what it left changed."""
    from vlbench.registry.guard import contained

    seen = None
    try:
        with contained() as seen:
            yield
    finally:
        left = [name for name in seen.left if name not in _BY_IMPORTS] if seen else []
        text = f"{who} left changed for the whole process: {', '.join(left)}. It was put back."
        if who and left and text not in _reported:
            _reported.add(text)
            print(text, file=sys.stderr)

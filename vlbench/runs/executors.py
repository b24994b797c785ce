"""How the jobs of one command are run. An executor decides when they run, and sees nothing of them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from vlbench.errors import PluginError
from vlbench.registry.invoke import call
from vlbench.registry.process_state import ProcessState

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry

T = TypeVar("T")
_OF_THE_HOST = "generator of random"
"""What the kernel of a notebook changes from a thread; nothing of vlbench draws from it."""


def serial(count: int, run: Callable[[int], None]) -> None:
    """One after the other, in order."""
    for index in range(count):
        run(index)


def execute(
    registry: Registry, executor: str, rows: Sequence[Callable[[], T]], commands: Sequence[Sequence[str]] = ()
) -> list[T]:
    """What the rows give, in their own order, whatever the order an executor runs them in.

    Args:
        registry: knows the executor.
        executor: its name.
        rows: what makes each row, or finds it where it is finished.
        commands: words that make the same rows in processes of their own; the row then finds what was made.

    Raises:
        VlbenchError: as a row raised it.
        PluginError: the executor left a row out or ran one twice; it is named.
    """
    done: dict[int, T] = {}
    begun: set[int] = set()
    raised: list[BaseException] = []
    state = ProcessState()
    foreign = any(plugin.used and plugin.distribution != "vlbench" for plugin in registry.plugins)
    one_at_a_time = threading.Lock()  # rows share students and caches

    def run(index: int) -> None:
        with one_at_a_time:
            if index in begun or not 0 <= index < len(rows):
                raise PluginError(f"row {index} of {len(rows)} was asked for a second time or does not exist.")
            begun.add(index)
            state.restore()
            try:
                done[index] = rows[index]()
                _say([what for what in state.disturbed() if foreign or what != _OF_THE_HOST], index)
            except BaseException as error:
                raised.append(error)
                raise

    try:
        call(registry, "executor", executor, count=len(rows), run=run, commands=commands)
    except PluginError:
        if not raised:
            raise
    if raised:
        raise raised[0]
    missing = len(rows) - len(done)
    if missing:
        raise PluginError(
            f"executor {executor!r} of plugin {registry.owner('executor', executor)!r} left out {missing} of "
            f"{len(rows)} rows. It must call run(0) to run(count - 1). Finished rows are kept; run the command again."
        )
    return [done[index] for index in range(len(rows))]


def _say(changed: list[str], index: int) -> None:
    """A row puts back what its method changed, so this was done by something that outlived its own call."""
    if changed:
        print(
            f"While row {index} was made, a thread of a plugin changed {', '.join(changed)}. It was put back; do not "
            f"trust that row. Run it again without the plugin, or with --isolate.",
            file=sys.stderr,
        )

"""How the rows of one command are run. An executor decides when and where, and sees nothing of what they give."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from vlbench.errors import PluginError
from vlbench.registry.invoke import call
from vlbench.registry.process_state import ProcessState

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry

T = TypeVar("T")
_OF_THE_HOST = "generator of random"
"""What the kernel of a notebook changes from a thread; nothing of vlbench draws from it."""


@dataclass(frozen=True)
class Needs:
    """What an executor may know of a row before it starts it.

    Attributes:
        name: for people, as in ``vldd at budget 500, seed 1``.
        method, budget, seed: of the row.
        device: that was asked for: ``auto``, ``cpu``, ``cuda``, ...
        seconds: how long it is likely to take, by rows of the same protocol that were made before; None: unknown.
        memory_bytes: peak of resident memory of those; None: unknown.
        log: path of a file for what its process prints.
    """

    name: str
    method: str = ""
    budget: str = ""
    seed: int = 0
    device: str = "auto"
    seconds: float | None = None
    memory_bytes: int | None = None
    log: str = ""


@dataclass(frozen=True)
class Unit(Generic[T]):
    """A row that an executor runs.

    Attributes:
        make: makes it here, or finds it where it is finished.
        needs: what an executor may know of it.
        words: a command that makes it in a process of its own.
        take: what its process has made, and never makes it again; given why that process ended badly, or ``""``.
    """

    make: Callable[[], T]
    needs: Needs = Needs("")
    words: Sequence[str] = ()
    take: Callable[[str], T] | None = None


def serial(count: int, run: Callable[[int], None]) -> None:
    """One after the other, in order."""
    for index in range(count):
        run(index)


def execute(registry: Registry, executor: str, units: Sequence[Unit[T]]) -> list[T]:
    """What the rows give, in their own order, whatever the order an executor runs them in.

    Args:
        registry: knows the executor.
        executor: its name.
        units: the rows.

    Raises:
        VlbenchError: as a row raised it.
        PluginError: the executor left a row out or ran one twice; it is named.
    """
    foreign = any(plugin.used and plugin.distribution != "vlbench" for plugin in registry.plugins)
    wave = _Wave(units, foreign)
    try:
        call(
            registry,
            "executor",
            executor,
            count=len(units),
            run=wave.run,
            commands=[unit.words for unit in units],
            needs=[unit.needs for unit in units],
        )
    except PluginError:
        if not wave.raised:
            raise
    if wave.raised:
        raise wave.raised[0]
    missing = len(units) - len(wave.done)
    if missing:
        raise PluginError(
            f"executor {executor!r} of plugin {registry.owner('executor', executor)!r} left out {missing} of "
            f"{len(units)} rows. It must call run(0) to run(count - 1). Finished rows are kept; run the command again."
        )
    return [wave.done[index] for index in range(len(units))]


class _Wave(Generic[T]):
    """What an executor has in its hands: each row once, one at a time."""

    def __init__(self, units: Sequence[Unit[T]], foreign: bool) -> None:
        self._units, self._foreign = units, foreign
        self.done: dict[int, T] = {}
        self.raised: list[BaseException] = []
        self._begun: set[int] = set()
        self._state = ProcessState()
        self._one_at_a_time = threading.Lock()  # rows share students and caches

    def run(self, index: int, ended: str | None = None) -> None:
        """Make a row here or, where ``ended`` says how its process ended (``""``: well), take what that made."""
        with self._one_at_a_time:
            if index in self._begun or not 0 <= index < len(self._units):
                count = len(self._units)
                raise PluginError(f"row {index} of {count} was asked for a second time or does not exist.")
            self._begun.add(index)
            self._state.restore()
            unit = self._units[index]
            try:
                self.done[index] = unit.make() if ended is None or unit.take is None else unit.take(ended)
                _say([what for what in self._state.disturbed() if self._foreign or what != _OF_THE_HOST], unit)
            except BaseException as error:
                self.raised.append(error)
                raise


def _say(changed: list[str], unit: Unit[Any]) -> None:
    """A row puts back what its method changed, so this was done by something that outlived its own call."""
    if changed:
        print(
            f"While {unit.needs.name} was made, a thread of a plugin changed {', '.join(changed)}. It was put back; do "
            f"not trust that row. Run it again without the plugin, or with --isolate.",
            file=sys.stderr,
        )

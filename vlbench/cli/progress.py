"""Progress with the time left: bars on a terminal, plain lines elsewhere. Always on standard error."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from vlbench.progress import Observer, PlainObserver, seconds_text
from vlbench.visible import visible


class RichObserver:
    """One bar for the phase that is running; a line above it for each that is over.

    Args:
        console: where to draw.
    """

    def __init__(self, console: Console) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(compact=True, elapsed_when_finished=True),
            TextColumn("[dim]{task.fields[note]}"),
            console=console,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def phase(self, name: str, total: int | None = None, detail: str = "") -> None:
        self.done()
        self._task = self._progress.add_task(escape(name), total=total, note=escape(detail))

    def advance(self, steps: int = 1, note: str = "") -> None:
        if self._task is None:
            return
        if note:
            self._progress.update(self._task, advance=steps, note=escape(note))
        else:
            self._progress.update(self._task, advance=steps)

    def done(self, message: str = "") -> None:
        """Turn the bar into a line with the time it took."""
        if self._task is None:
            if message:
                self.message(message)
            return
        task = next(task for task in self._progress.tasks if task.id == self._task)
        ending = f"  [dim]{escape(message)}" if message else ""
        self._progress.console.print(
            f"[green]✓[/] {task.description}  [dim]{seconds_text(task.elapsed or 0.0)}[/]{ending}", highlight=False
        )
        self._progress.remove_task(self._task)
        self._task = None

    def message(self, text: str) -> None:
        self._progress.console.print(escape(visible(text)), highlight=False)


@contextlib.contextmanager
def observer() -> Iterator[Observer]:
    """The observer that fits standard error."""
    console = Console(file=sys.stderr)
    if not console.is_terminal or console.is_dumb_terminal:
        yield PlainObserver()
        return
    with RichObserver(console) as rich_observer:
        yield rich_observer
        rich_observer.done()

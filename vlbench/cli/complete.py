"""Arguments that a shell can complete: names that plugins declare, and runs. No plugin is imported for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

RUNS = Path("runs")


class Name(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.2 only
    """The name of something declared; whether it exists is for the command to say, which knows the nearest one.

    Args:
        kind: as in :data:`vlbench.registry.registry.KINDS`.
        or_file: a path may stand in its place.
    """

    name = "name"

    def __init__(self, kind: str, *, or_file: bool = False) -> None:
        self._kind, self._or_file = kind, or_file

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Declared names with their summaries; files where nothing declared fits."""
        from vlbench.registry.listing import listed

        summaries = listed(self._kind, ctx.find_root().params.get("plugins", ()))
        fitting = _fitting(summaries, incomplete)
        found = [CompletionItem(name, help=summaries[name]) for name in fitting]
        return found or ([CompletionItem(incomplete, type="file")] if self._or_file else [])


class Run(click.Path):
    """The folder of a run.

    Args:
        by_name: the command also takes the name of a run inside the folder ``runs``.
    """

    def __init__(self, *, by_name: bool = False) -> None:
        super().__init__(path_type=Path)
        self._by_name = by_name

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Runs inside the folder ``runs``; files where none fits."""
        names = list(_runs())
        fitting = _fitting([*(names if self._by_name else []), *(str(RUNS / name) for name in names)], incomplete)
        return [CompletionItem(run) for run in fitting] or super().shell_complete(ctx, param, incomplete)


def _runs() -> Iterator[str]:
    for record in sorted(RUNS.glob("*/record.json")):
        yield record.parent.name


def _fitting(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]

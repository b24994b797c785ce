"""Arguments that a shell can complete: names that plugins declare, and runs. No plugin is imported for it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import click
from click.shell_completion import CompletionItem

RUNS = Path("runs")


class Name(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.2 only
    """The name of something declared. The command itself checks that it exists, and suggests the closest one.

    Args:
        kind: as in :data:`vlbench.registry.registry.KINDS`.
        or_file: a path may stand in its place.
        several: names may be joined by commas.
    """

    name = "name"

    def __init__(self, kind: str, *, or_file: bool = False, several: bool = False) -> None:
        self._kind, self._or_file, self._several = kind, or_file, several

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Declared names with their summaries; files where nothing declared fits."""
        from vlbench.registry.listing import listed

        summaries = listed(self._kind, ctx.find_root().params.get("plugins", ()))
        before, comma, last = incomplete.rpartition(",") if self._several else ("", "", incomplete)
        fitting = _fitting(summaries, last)
        found = [CompletionItem(f"{before}{comma}{name}", help=summaries[name]) for name in fitting]
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
        """Runs inside the folder ``runs``, by name or else by path; files where none fits."""
        names = list(_runs())
        fitting = _fitting(names, incomplete) if self._by_name else []
        fitting = fitting or _fitting((str(RUNS / name) for name in names), incomplete)
        return [CompletionItem(run) for run in fitting] or super().shell_complete(ctx, param, incomplete)


def _runs() -> Iterator[str]:
    """Runs that have pairs to look at: ``full`` and ``chance`` have none."""
    for record in sorted(RUNS.glob("*/record.json")):
        if not record.parent.name.startswith(("full-full-", "chance-chance-")):
            yield record.parent.name


def _fitting(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]

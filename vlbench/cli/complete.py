"""Arguments that a shell can complete: names that plugins declare, and runs. No plugin is imported for it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

RUNS = Path("runs")


class Word(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.2 only
    """One of some words that are looked up when they are completed; the command itself checks it.

    Args:
        words: asked with plugin files that the command names; what each word means, where it is a mapping.
        or_file: a path may stand in its place.
        several: words may be joined by commas.
    """

    name = "name"

    def __init__(
        self, words: Callable[[Sequence[str]], Iterable[str]], *, or_file: bool = False, several: bool = False
    ) -> None:
        self._words, self._or_file, self._several = words, or_file, several

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Words that begin as the one that is written, with what they mean; files where none does."""
        before, comma, last = incomplete.rpartition(",") if self._several else ("", "", incomplete)
        words = self._words(_plugin_files(ctx))
        meanings = words if isinstance(words, Mapping) else {}
        found = [CompletionItem(f"{before}{comma}{word}", help=meanings.get(word)) for word in _fitting(words, last)]
        return found or ([CompletionItem(incomplete, type="file")] if self._or_file else [])


class Name(Word):
    """The name of something declared, with its summary. The command itself suggests the closest one.

    Args:
        kind: as in :data:`vlbench.registry.registry.KINDS`.
        or_file, several: as of a :class:`Word`.
    """

    def __init__(self, kind: str, *, or_file: bool = False, several: bool = False) -> None:
        super().__init__(partial(_summaries, kind), or_file=or_file, several=several)


def _summaries(kind: str, plugins: Sequence[str]) -> Mapping[str, str]:
    from vlbench.registry.listing import listed

    return listed(kind, plugins)


def _plugin_files(ctx: click.Context) -> list[str]:
    """Those that the command names."""
    return [str(path) for path in ctx.find_root().params.get("plugins", ())]


def panels(plugins: Sequence[str]) -> Iterable[str]:  # noqa: ARG001
    """Panels of ``vlbench plot``."""
    from vlbench.analysis.plot import PANELS

    return PANELS


def published_datasets(plugins: Sequence[str]) -> Iterable[str]:
    """Datasets with numbers of papers."""
    from vlbench.board.published import literature

    return literature(plugins).datasets


class MethodOption(click.ParamType):  # type: ignore[type-arg]
    """``KEY=VALUE`` of the methods that ``--method`` names before it; a choice's values are completed too."""

    name = "key=value"

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Options with what they mean, then values."""
        from vlbench.registry.options import describe

        specs = _declared(ctx, "method")
        asked = [name for text in ctx.params.get("methods") or () for name in text.split(",")]
        rows = {row.name: row for name in asked if name in specs for row in describe(specs[name].options)}
        return _keys({key: row.help for key, row in rows.items()}, incomplete) or [
            CompletionItem(f"{key}={value}")
            for key, row in rows.items()
            for value in (row.type.split("|") if "|" in row.type else ["true", "false"] if row.type == "bool" else [])
            if f"{key}={value}".startswith(incomplete)
        ]


class ProtocolKey(click.ParamType):  # type: ignore[type-arg]
    """``KEY=VALUE`` of the protocol of the suite that the command names before it."""

    name = "key=value"

    def shell_complete(
        self,
        ctx: click.Context,
        param: click.Parameter,  # noqa: ARG002
        incomplete: str,
    ) -> list[CompletionItem]:
        """Dotted keys of the suite's file with their values there, and ``student.KEY`` of its recipes."""
        suite = str(ctx.params.get("suite") or "scenes")
        specs = _declared(ctx, "suite")
        with contextlib.suppress(OSError, ValueError):
            text = Path(suite).read_text(encoding="utf-8") if suite.endswith(".toml") else specs[suite].read_text()
            import tomllib

            return _keys(dict(_flat(tomllib.loads(text))), incomplete)
        return []


def _declared(ctx: click.Context, kind: str) -> Mapping[str, Any]:
    """Name -> declaration, of what is installed and of the plugin files that the command names."""
    from vlbench.registry.loader import try_plugins

    found: Mapping[str, Any] = try_plugins(_plugin_files(ctx)).all(kind)
    return found


def _flat(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Dotted key -> value as text; of the grid, the keys that ``student.`` sets in every recipe."""
    for key, value in table.items():
        if before == "training." and key in ("grid", "common"):
            recipes = value if isinstance(value, list) else [value]
            yield from ((f"student.{name}", "in every recipe") for recipe in recipes for name in recipe)
        if isinstance(value, Mapping):
            yield from _flat(value, f"{before}{key}.")
        elif before or key != "name":
            yield f"{before}{key}", "a list" if isinstance(value, list) else str(value)


def _keys(meanings: Mapping[str, str], incomplete: str) -> list[CompletionItem]:
    """Keys with the sign that a value follows; none once a key is written."""
    if "=" in incomplete:
        return []
    return [CompletionItem(f"{key}=", help=text) for key, text in meanings.items() if f"{key}=".startswith(incomplete)]


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

"""What several commands need: the registry, options as key=value, and lists in columns."""

from __future__ import annotations

import gc
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from vlbench.errors import DataError, OptionError

if TYPE_CHECKING:
    from vlbench.analysis.finished import Finished
    from vlbench.registry.registry import Registry


device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, ...")
data_option = click.option(
    "--data", metavar="DIR", type=click.Path(path_type=Path), help="Folder of the dataset's files, unless prepared."
)
offline_option = click.option(
    "--offline", is_flag=True, help="Use no network: to open a connection is an error. See vlbench prepare."
)


def load(context: click.Context, *, needed: tuple[str, str] | None = None) -> Registry:
    """The registry, with the files given by ``--plugin``; an installed plugin that is broken is one line.

    Args:
        context: of the command.
        needed: the one declaration that the command needs, as kind and name; where the core declares it and every
            plugin can be used, none is imported.
    """
    from vlbench.registry.loader import load_registry

    if needed and without_plugins(context):
        core = load_registry(installed=False)
        if needed[1] in core.all(needed[0]):
            return core
    registry = load_registry(context.obj or ())
    for plugin in registry.plugins:
        if not plugin.used and plugin.status != "blocked":
            reason = " ".join(f"{plugin.status}: {plugin.detail}".split()).rstrip(":")
            click.echo(f"Plugin {plugin.name} is not used ({reason[:160]}). Details: vlbench plugins", err=True)
    return registry


def without_plugins(context: click.Context) -> bool:
    """Whether a command that needs nothing but the core may leave plugins alone: there is nothing to say of any."""
    from vlbench.registry.listing import all_usable

    return not context.obj and all_usable()


@contextmanager
def brief() -> Iterator[None]:
    """Around a command that reads and prints: looking for unused objects, also at its end, is a sixth of its time."""
    from vlbench.own_network import is_program

    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        if is_program():
            gc.freeze()


@contextmanager
def opened(context: click.Context, runs: Sequence[Path], suite: str) -> Iterator[list[Finished]]:
    """Finished runs, opened while progress is shown."""
    from vlbench.analysis.finished import open_runs
    from vlbench.cli.progress import observer

    registry = load(context)
    with observer() as watching:
        yield open_runs([run_folder(run) for run in runs], registry, watching, suite=suite)


def run_path(run: Path) -> Path:
    """The path as given or, if nothing is there, the run of that name inside the folder ``runs``."""
    named = Path("runs") / run
    return named if not run.exists() and named.is_dir() else run


def run_folder(run: Path) -> Path:
    """The folder of a run given by its path, its record's path, or its name inside the folder ``runs``.

    Raises:
        DataError: there is no record.
    """
    for folder in (run.parent if run.name == "record.json" else run, Path("runs") / run):
        if (folder / "record.json").is_file():
            return folder
    raise DataError(f"{str(run)!r} is no run: it holds no record.json. Finished runs: vlbench leaderboard.")


def comma_list(given: Sequence[str]) -> tuple[str, ...]:
    """``("a, b", "c")`` -> ``("a", "b", "c")``, each once: a flag takes a list, and may be repeated."""
    return tuple(dict.fromkeys(part.strip() for text in given for part in text.split(",") if part.strip()))


def key_values(given: Sequence[str], *, flag: str) -> dict[str, str]:
    """``("a=1", "b=2")`` -> ``{"a": "1", "b": "2"}``.

    Raises:
        OptionError: one has no ``=`` or no key, or a key is given twice.
    """
    result: dict[str, str] = {}
    for item in given:
        key, separator, value = item.partition("=")
        key = key.strip()
        if not separator or not key:
            raise OptionError(f"{flag} {item!r} is not of the form key=value. Write it as in {flag} start=3.")
        if key in result:
            raise OptionError(f"{flag} {key} is given twice: {result[key]!r} and {value!r}. Give it once.")
        result[key] = value
    return result


def echo_rows(rows: Iterable[Sequence[str]], *, header: Sequence[str] = ()) -> None:
    """Print columns; the last one is wrapped to the terminal."""
    from vlbench.board.console import as_text, columns

    lines = list(rows)
    if lines or header:
        width = shutil.get_terminal_size((100, 24)).columns
        click.echo(as_text(columns(lines, header), width=width, styled=sys.stdout.isatty()))


def no_network(off: bool) -> AbstractContextManager[None]:
    """What ``--offline`` asks for: within, opening a socket is an error, and programs started here are offline too."""
    if not off:
        return nullcontext()
    from vlbench.offline import offline
    from vlbench.own_network import NOT_HELD, enter_own_network, is_program

    if is_program() and not enter_own_network():
        click.echo(NOT_HELD, err=True)

    return offline()


def echo_json(value: object) -> None:
    """Print a value of JSON, of dataclasses or records as JSON; a number that is not finite is an error, never NaN."""
    import msgspec

    click.echo(json.dumps(msgspec.to_builtins(value), indent=2, allow_nan=False))


def readable_path(path: Path) -> str:
    """The path relative to the current folder where it lies inside it, else as given."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative

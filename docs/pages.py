"""Pages of the site that are made from what is there already: the README, the facade, the command line."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import click

import vlbench
from vlbench import testing
from vlbench.cli.main import main
from vlbench.registry.loader import load_registry
from vlbench.registry.options import describe
from vlbench.registry.specs import resolve

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[1]
ROLE = re.compile(r":(?:attr|class|func|meth|mod):(?=<code>)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    from mkdocs.structure.files import File

    for name, make in PAGES.items():
        files.append(File.generated(config, name, content=make()))
    return files


def on_page_content(html: str, **_: Any) -> str:
    """Docstrings name things as ``:class:`Method```, which Markdown does not know."""
    return ROLE.sub("", html)


def home() -> str:
    """The README, whose links start one folder higher; what is no page of the site is named only."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")
    return re.sub(r"\[([^\]]+)\]\([A-Z]+\.md\)", r"\1", text)


def reference() -> str:
    """Every name of the facade, of its modules and of ``vlbench.testing``, with its docstring."""
    below = [f"vlbench.{name}" for name in vlbench.SUBMODULES]
    return "\n\n".join(
        [
            "# The facade",
            f"A plugin or a notebook needs `import vlbench`. What only some need stands in {listed(below)}, below. "
            "Nothing else is promised but `vlbench.testing`. The examples are run by the tests.",
            *names_of(vlbench),
            *(part for module in below for part in of_module(importlib.import_module(module))),
            "# For tests of a plugin",
            *names_of(testing),
        ]
    )


def names_of(package: ModuleType) -> list[str]:
    """Every name that a package promises, from the module that defines it."""
    modules = {name: module for module, names in package._MODULES.items() for name in names}
    return [f"::: {modules.get(name, package.__name__)}.{name}" for name in package.__all__]


def of_module(module: ModuleType) -> list[str]:
    """What a module is for, and every name it promises, from where that is defined."""
    about = f"{module.__doc__}".splitlines()[0]
    return [
        f"# {module.__name__}",
        about,
        *(f"::: {_place(getattr(module, name), name)}" for name in module.__all__),
    ]


def _place(value: Any, name: str) -> str:
    """Where a promised name is defined; a module is a name too."""
    return value.__name__ if isinstance(value, ModuleType) else f"{value.__module__}.{name}"


def listed(modules: list[str]) -> str:
    """Names in a sentence."""
    return ", ".join(f"`{name}`" for name in modules[:-1]) + f" and `{modules[-1]}`"


def commands() -> str:
    """What every command says of itself under ``--help``."""
    context = main.make_context("vlbench", [], resilient_parsing=True, terminal_width=80)
    parts = ["# Command line", _help_text("vlbench", context)]
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        parts += _of_command(name, command, context)
    return "\n\n".join(parts)


def data() -> str:
    """Every form of data that is read, and every option of datasets and encoders."""
    registry = load_registry()
    parts = [
        "# Forms and options",
        "What `vlbench data formats`, `vlbench datasets NAME` and `vlbench encoders NAME` print.",
    ]
    for spec in registry.all("dataset").values():
        if spec.forms:
            parts += [f"## Forms read by `{spec.name}`", table(("form", "what it looks like"), resolve(spec.forms)())]
    for kind in ("dataset", "encoder"):
        for name, spec in sorted(registry.all(kind).items()):
            parts += [f"## {kind} `{name}`", spec.summary]
            rows = describe(spec.options)
            parts += [table(("option", "type", "default", "meaning"), rows)] if rows else []
    return "\n\n".join(parts)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in [header, *rows]]
    return "\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]])


def _of_command(name: str, command: click.Command, parent: click.Context) -> list[str]:
    context = command.make_context(name, [], parent, resilient_parsing=True)
    parts = [_help_text(f"vlbench {name}", context)]
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            part = command.get_command(context, below)
            assert part is not None
            inner = part.make_context(below, [], context, resilient_parsing=True)
            parts.append(_help_text(f"vlbench {name} {below}", inner))
    return parts


def _help_text(title: str, context: click.Context) -> str:
    return f"## {title}\n\n```text\n{context.get_help()}\n```"


PAGES = {"index.md": home, "reference.md": reference, "commands.md": commands, "data.md": data}
"""Generated pages by file."""

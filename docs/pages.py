"""Pages of the site that are made from what is there already: the README, the facade, the command line."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
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


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the generated pages into the navigation, and leave out pages that are not there."""
    config.nav = _present(config.nav or [], made := pages())
    for section, below in (("Methods", "methods/"), ("Reference", "reference/")):
        (listed,) = [entry[section] for entry in config.nav if isinstance(entry, dict) and section in entry]
        listed += [{Path(name).stem: name} for name in made if name.startswith(below)]
    return config


def _present(nav: list[Any], made: dict[str, Any]) -> list[Any]:
    kept: list[Any] = []
    for entry in nav:
        if isinstance(entry, str):
            kept += [entry] if _exists(entry, made) else []
            continue
        ((title, value),) = entry.items()
        if isinstance(value, list):
            kept.append({title: _present(value, made)})
        elif _exists(value, made):
            kept.append(entry)
    return kept


def _exists(name: str, made: dict[str, Any]) -> bool:
    return name in made or (ROOT / "docs" / name).is_file()


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages."""
    from mkdocs.structure.files import File

    for name, make in pages().items():
        files.append(File.generated(config, name, content=make()))
    return files


def pages() -> dict[str, Callable[[], str]]:
    """File -> what makes its text, of every generated page."""
    doors = {name: importlib.import_module(f"vlbench.{name}") for name in vlbench.SUBMODULES}
    return {
        "index.md": home,
        "commands.md": commands,
        "data.md": data,
        **{f"methods/{name}.md": partial(method, name) for name in sorted(load_registry().all("method"))},
        "reference/vlbench.md": facade,
        **{f"reference/{name}.md": partial(door, module) for name, module in doors.items()},
        "reference/testing.md": for_tests,
    }


def on_page_content(html: str, **_: Any) -> str:
    """Docstrings name things as ``:class:`Method```, which Markdown does not know."""
    return ROLE.sub("", html)


def home() -> str:
    """The README, its links one folder higher; what is no page of the site is named only, and badges are left out."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")
    text = re.sub(r"^\[!\[.*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"\[([^\]]+)\]\([A-Z]+\.md\)", r"\1", text)


def facade() -> str:
    """Every name of the facade, with its docstring."""
    below = [f"vlbench.{name}" for name in vlbench.SUBMODULES]
    about = (
        f"A plugin or a notebook needs `import vlbench`. What only some need stands in {listed(below)}. "
        "Nothing else is promised but `vlbench.testing`. The examples are run by the tests."
    )
    return "\n\n".join(["# vlbench", about, *names_of(vlbench)])


def door(module: ModuleType) -> str:
    """Every name that a module of the facade promises."""
    return "\n\n".join(of_module(module))


def for_tests() -> str:
    """What tests of a plugin may use."""
    about = f"{testing.__doc__}".splitlines()[0]
    return "\n\n".join(["# vlbench.testing", about, *names_of(testing)])


def method(name: str) -> str:
    """What a method's declaration and docstring say, and its options."""
    registry = load_registry()
    spec = registry.get("method", name)
    facts = [
        ("family", spec.family),
        ("paper", spec.paper),
        ("plugin", registry.owner("method", name)),
        ("seed", "changes nothing: it is deterministic" if spec.deterministic else ""),
        ("sees", "val as well as train" if spec.sees_val else ""),
        ("work", "grows with the square of the train pairs" if spec.scaling == "quadratic" else ""),
    ]
    about = inspect.cleandoc(resolve(spec.target).__doc__ or "").partition("\n\nArgs:")[0]
    options = describe(spec.options)
    parts = [
        f"# {name}",
        spec.summary,
        "\n".join(f"- {what}: {text}" for what, text in facts if text),
        as_markdown(about),
    ]
    parts.append(f"```sh\nvlbench run --method {name} --budget 500\n```")
    parts += ["## Options", table(("option", "type", "default", "meaning"), options)] if options else []
    return "\n\n".join([*parts, "[All methods](../methods.md)"])


def as_markdown(docstring: str) -> str:
    """Names between double backticks and roles as code; indented formulas as blocks."""
    text = re.sub(r":\w+:`~?([^`<]+?)(?: <[^>]+>)?`", r"`\1`", docstring).replace("``", "`")
    return re.sub(r"::\n\n", ":\n\n", text)


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
    lines = ["| " + " | ".join(cell.replace("|", "&#124;") for cell in row) + " |" for row in [header, *rows]]
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

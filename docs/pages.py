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
from vlbench import errors, testing
from vlbench.cli.main import main
from vlbench.registry.loader import load_registry
from vlbench.registry.options import OptionRow, describe, without_repeats
from vlbench.registry.specs import resolve

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parents[1]
ROLE = re.compile(r":(?:attr|class|func|meth|mod):(?=<code>)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the generated pages into the navigation, and leave out pages that are not there."""
    config.nav = _present(config.nav or [], made := pages())
    sections = {section: listed for entry in config.nav if isinstance(entry, dict) for section, listed in entry.items()}
    sections["Methods"] += [{Path(name).stem: name} for name in made if name.startswith("methods/")]
    for name in [name for name in made if re.fullmatch(r"reference/\w+\.md", name)]:
        below = [{Path(page).stem: page} for page in made if page.startswith(name.removesuffix(".md") + "/")]
        sections["Reference"].append({_import_name(name): [{"Names": name}, *below] if below else name})
    return config


def _import_name(page: str) -> str:
    """reference/data.md -> vlbench.data."""
    stem = Path(page).stem
    return stem if stem == "vlbench" else f"vlbench.{stem}"


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
    made = {"index.md": home, "commands.md": commands, "data.md": forms}
    made |= {f"{kind}s.md": partial(options_of, kind) for kind in ("dataset", "encoder")}
    made |= {f"methods/{name}.md": partial(method, name) for name in sorted(load_registry().all("method"))}
    for page, package in doors().items():
        made[page] = partial(door, package)
        folder = page.removesuffix(".md")
        made |= {f"{folder}/{name}.md": partial(of_class, package, name) for name in classes(package)}
    return made


def doors() -> dict[str, ModuleType]:
    """Page of the reference -> the module whose promised names it lists."""
    below = {f"reference/{name}.md": importlib.import_module(f"vlbench.{name}") for name in vlbench.SUBMODULES}
    return {"reference/vlbench.md": vlbench, **below, "reference/testing.md": testing, "reference/errors.md": errors}


def on_page_content(html: str, **_: Any) -> str:
    """Docstrings name things as ``:class:`Method```, which Markdown does not know."""
    return ROLE.sub("", html)


def home() -> str:
    """The README, its links one folder higher; what is no page of the site is named only, and badges are left out."""
    text = (ROOT / "README.md").read_text(encoding="utf-8").replace("](docs/", "](")
    text = re.sub(r"^\[!\[.*\n", "", text, flags=re.MULTILINE)
    return re.sub(r"\[([^\]]+)\]\([A-Z]+\.md\)", r"\1", text)


def door(package: ModuleType) -> str:
    """What a module is for, a table of its promised names, and those of them that are no classes."""
    names = [name for name in promised(package) if name not in classes(package)]
    return "\n\n".join([f"# {package.__name__}", about(package), index(package), *_directives(package, names)])


def about(package: ModuleType) -> str:
    """The first sentence of a module; of the facade, where the rest stands."""
    if package is not vlbench:
        return f"{package.__doc__}".splitlines()[0]
    below = [f"[`{_import_name(page)}`]({Path(page).name})" for page in doors() if not page.endswith("/vlbench.md")]
    return (
        f"A plugin or a notebook needs `import vlbench`. What only some need stands in {listed(below)}. "
        "Nothing else is promised. The examples are run by the tests."
    )


def index(package: ModuleType) -> str:
    """A table of names, each with a link and its first sentence."""
    own, folder = classes(package), package.__name__.rpartition(".")[2]
    links = {name: f"{folder}/{name}.md" if name in own else f"#{_place(package, name)}" for name in promised(package)}
    return table(
        ("name", "what it is"), [(f"[`{name}`]({link})", _first(package, name)) for name, link in links.items()]
    )


def _first(package: ModuleType, name: str) -> str:
    value = getattr(package, name)
    documented = value if isinstance(value, ModuleType) or callable(value) else None
    text = " ".join((inspect.getdoc(documented) or "a value").split("\n\n")[0].split())
    return as_markdown(text)


def of_class(package: ModuleType, name: str) -> str:
    """A class and its methods."""
    back = f"[All names of `{package.__name__}`](../{package.__name__.rpartition('.')[2]}.md)"
    return "\n\n".join([f"# {package.__name__}.{name}", *_directives(package, [name]), back])


def _directives(package: ModuleType, names: Iterable[str]) -> list[str]:
    return [f"::: {_place(package, name)}" for name in names]


def promised(package: ModuleType) -> list[str]:
    """What a module promises; modules among it have a page of their own."""
    public = getattr(package, "__all__", None) or [name for name in vars(package) if _is_error(package, name)]
    return [name for name in public if f"vlbench.{name}" not in {module.__name__ for module in doors().values()}]


def _is_error(package: ModuleType, name: str) -> bool:
    value = getattr(package, name)
    return inspect.isclass(value) and issubclass(value, Exception) and value.__module__ == package.__name__


def classes(package: ModuleType) -> list[str]:
    """Promised classes with a page of their own: errors are short enough for one page."""
    return [] if package is errors else [name for name in promised(package) if inspect.isclass(getattr(package, name))]


def _place(package: ModuleType, name: str) -> str:
    """Where a promised name is defined."""
    value = getattr(package, name)
    if isinstance(value, ModuleType):
        return value.__name__
    modules = {name: module for module, names in getattr(package, "_MODULES", {}).items() for name in names}
    return f"{modules.get(name) or value.__module__}.{name}"


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
    parts += ["## Options", option_table(options)] if options else []
    return "\n\n".join([*parts, "[All methods](../methods.md)"])


def as_markdown(docstring: str) -> str:
    """Names between double backticks and roles as code; indented formulas as blocks."""
    text = re.sub(r":\w+:`~?([^`<]+?)(?: <[^>]+>)?`", r"`\1`", docstring).replace("``", "`")
    return re.sub(r"::\n\n", ":\n\n", text)


def listed(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return ", ".join(names[:-1]) + f" and {names[-1]}"


def commands() -> str:
    """What every command says of itself under ``--help``."""
    context = main.make_context("vlbench", [], resilient_parsing=True, terminal_width=80)
    parts = ["# Command line", _help_text("vlbench", context)]
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        parts += _of_command(name, command, context)
    return "\n\n".join(parts)


def forms() -> str:
    """Every form of data that is read."""
    parts = ["# Forms that are read", "What `vlbench data formats` prints."]
    for spec in load_registry().all("dataset").values():
        if spec.forms:
            rows = [(f"`{form}`", literal(looks)) for form, looks in resolve(spec.forms)()]
            parts += [f"## By dataset `{spec.name}`", table(("form", "what it looks like"), rows)]
    return "\n\n".join(parts)


def options_of(kind: str) -> str:
    """Every declaration of a kind with its options."""
    parts = [f"# Options of {kind}s", f"What `vlbench {kind}s NAME` prints."]
    for name, spec in sorted(load_registry().all(kind).items()):
        parts += [f"## `{name}`", literal(spec.summary)]
        rows = describe(spec.options)
        parts += [option_table(rows) if rows else "It has no options."]
    return "\n\n".join(parts)


def option_table(options: Sequence[OptionRow]) -> str:
    """Options in two columns, so that they can be read on a phone; what many of them repeat stands below."""
    rows, notes = without_repeats(options)
    cells = [
        (f"`{row.name}`<br><small>{literal(row.type)}; default {literal(row.default)}</small>", literal(row.help))
        for row in rows
    ]
    return "\n\n".join([table(("option", "meaning"), cells), *map(literal, notes)])


def literal(text: str) -> str:
    """Text in which Markdown and HTML see no marks."""
    return re.sub(r"[*_`<>&\[\]{}\\]", lambda mark: f"&#{ord(mark.group())};", text)


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

"""The generated pages of the site, without what builds it: complete against the code."""

from __future__ import annotations

import importlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

import vlbench
import vlbench.testing
from vlbench.cli.main import main

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pages() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pages_of_the_site", ROOT / "docs" / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_has_every_promised_name_where_it_is_defined(pages: ModuleType):
    asked = re.findall(r"^::: (.+)\.(\w+)$", pages.reference(), re.MULTILINE)
    below = [getattr(vlbench, name) for name in vlbench.SUBMODULES]
    doors = [(door, name) for door in (vlbench, *below, vlbench.testing) for name in door.__all__]
    assert [name for _, name in asked] == [name for _, name in doors]
    for (module, name), (door, _) in zip(asked, doors, strict=True):
        assert getattr(importlib.import_module(module), name) is getattr(door, name)


def test_the_command_line_page_is_what_every_command_says_of_itself(pages: ModuleType):
    block = r"^## (vlbench[^\n]*)\n\n```text\n(.*?)\n```"
    shown = dict(re.findall(block, pages.commands(), re.MULTILINE | re.DOTALL))
    listed = main.list_commands(click.Context(main))
    assert {f"vlbench {name}" for name in listed} | {"vlbench", "vlbench diff"} <= set(shown)
    for title, text in shown.items():
        said = CliRunner().invoke(main, [*title.split()[1:], "--help"], terminal_width=80, prog_name="vlbench")
        assert said.output.split() == text.split()


def test_every_flag_says_what_it_does():
    context = click.Context(main)
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert isinstance(command, click.Command)
        silent = [param.name for param in command.params if isinstance(param, click.Option) and not param.help]
        assert silent == [], name


def test_the_home_page_is_the_readme_with_links_that_lead_somewhere(pages: ModuleType):
    targets = re.findall(r"\]\(([^)#]+)", pages.home())
    assert targets
    for target in targets:
        assert (ROOT / "docs" / target).is_file(), target


def test_the_site_asks_nothing_of_other_machines():
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "font: false" in settings
    assert "://" not in settings


def test_the_glossary_has_at_most_25_words_and_the_readme_links_to_it():
    rows = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").split("|---|---|\n")[1].splitlines()
    assert 10 < len(rows) <= 25
    assert "](docs/glossary.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tree_of_contributing_names_every_room():
    tree = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = [path.parent.name for path in (ROOT / "vlbench").glob("*/__init__.py")]
    assert rooms
    assert [room for room in rooms if f"      {room}/ " not in tree] == []

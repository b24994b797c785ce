"""The generated pages of the site, without what builds it: complete against the code."""

from __future__ import annotations

import html
import importlib
import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType

import click
import pytest
from click.testing import CliRunner

import vlbench
import vlbench.testing
from vlbench.cli.main import main
from vlbench.registry.loader import load_registry
from vlbench.registry.options import describe

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
    made = pages.pages()
    modules = {"errors", "testing", *vlbench.SUBMODULES}
    for name, door in pages.doors().items():
        texts = [text() for page, text in made.items() if page == name or page.startswith(f"{name[:-3]}/")]
        asked = re.findall(r"^::: (.+)\.(\w+)$", "\n".join(texts), re.MULTILINE)
        if door is not vlbench.errors:
            assert sorted(promised for _, promised in asked) == sorted(set(door.__all__) - modules)
        assert asked
        for module, promised in asked:
            assert getattr(importlib.import_module(module), promised) is getattr(door, promised)
            assert f"[`{promised}`](" in texts[0]


def test_every_error_is_in_the_reference(pages: ModuleType):
    text = pages.pages()["reference/errors.md"]()
    raised = [name for name, value in vars(vlbench.errors).items() if inspect.isclass(value) and name != "Any"]
    assert len(raised) > 5
    assert [name for name in raised if f"::: vlbench.errors.{name}" not in text] == []


def test_no_mark_of_markdown_is_read_in_texts_of_declarations(pages: ModuleType):
    markdown = pytest.importorskip("markdown")
    text = "img_emb/*.npy, text_emb/*.npy, {split}_a <b> [c](d) `e` a\\b & f"
    assert html.unescape(markdown.markdown(pages.literal(text))) == f"<p>{text}</p>"


def test_every_method_has_a_page_with_its_options(pages: ModuleType):
    made = pages.pages()
    for name, spec in load_registry().all("method").items():
        text = made[f"methods/{name}.md"]()
        assert spec.summary in text
        assert all(f"| `{row.name}`<br>" in text for row in describe(spec.options))


def test_pages_that_are_not_there_are_left_out_of_the_navigation(pages: ModuleType):
    nav = [{"One": [{"Is": "faq.md"}, {"Is not": "nowhere.md"}]}, "index.md", "never.md"]
    assert pages._present(nav, pages.pages()) == [{"One": [{"Is": "faq.md"}]}, "index.md"]


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


def test_the_glossary_has_at_most_30_words_and_the_readme_links_to_it():
    rows = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").split("|---|---|\n")[1].splitlines()
    assert 10 < len(rows) <= 30
    assert "](docs/glossary.md)" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_tree_of_contributing_names_every_room():
    tree = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rooms = [path.parent.name for path in (ROOT / "vlbench").glob("*/__init__.py")]
    assert rooms
    assert [room for room in rooms if f"      {room}/ " not in tree] == []

"""The facade: every promised name is there, says how it is used, and importing it is light."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import operator
import subprocess
import sys
from pathlib import Path

import pytest

import vlbench

EXAMPLES = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where examples run; what ``vlbench.run`` makes there, others show."""
    return tmp_path_factory.mktemp("examples")


MODULE_OF = {name: module for module, names in vlbench._MODULES.items() for name in names}
BELOW = [f"{module}.{name}" for module in vlbench.SUBMODULES for name in getattr(vlbench, module).__all__]
"""What is promised in a module of its own."""


def documentation(name: str) -> str:
    """The docstring of a promised name; of a value, the string that follows its assignment."""
    value = operator.attrgetter(name)(vlbench)
    if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
        return inspect.getdoc(value) or ""
    source = ast.parse(inspect.getsource(importlib.import_module(MODULE_OF[name])))
    for statement, after in zip(source.body, source.body[1:], strict=False):
        if isinstance(statement, ast.Assign) and [ast.unparse(target) for target in statement.targets] == [name]:
            assert isinstance(after, ast.Expr)
            return inspect.cleandoc(ast.literal_eval(after.value))
    return ""


# The examples of `score`, `leaderboard` and `load_artifact` show the run that the one of `run` made.
@pytest.mark.parametrize("name", sorted([*vlbench.__all__, *BELOW], key=lambda name: name != "run"))
def test_every_promised_name_has_an_example_that_works(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    test = doctest.DocTestParser().get_doctest(documentation(name), {}, name, name, 0)
    assert test.examples, f"the docstring of vlbench.{name} has no example"
    told: list[str] = []
    failed = doctest.DocTestRunner(optionflags=EXAMPLES).run(test, out=told.append).failed
    assert not failed, "".join(told)


def test_there_is_one_way_to_import_a_thing() -> None:
    assert len(vlbench.__all__) <= 33
    assert not {name.split(".")[1] for name in BELOW} & set(vlbench.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_like_it"):
        vlbench.nothing_like_it  # noqa: B018


def test_import_is_light() -> None:
    code = """
import sys, vlbench
vlbench.hookimpl, vlbench.option, vlbench.MethodSpec, vlbench.Selector, vlbench.Method, vlbench.data.NeededFile
print([m for m in ("torch", "click", "rich", "numpy", "timm", "transformers", "peft", "faiss") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_type_checker_sees_every_promised_name() -> None:
    """What is resolved at first use, and nothing else, stands in the block that only type checkers read."""
    tree = ast.parse(Path(vlbench.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    seen = {
        alias.name: statement.module
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == MODULE_OF | dict.fromkeys(vlbench.SUBMODULES, "vlbench")
    assert {*seen, "errors"} == set(vlbench.__all__)
    assert Path(vlbench.__file__).with_name("py.typed").is_file()

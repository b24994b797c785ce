"""The page of mistakes: what it calls wrong is caught by what it names, what it calls right passes."""

from __future__ import annotations

import dataclasses
import importlib
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import torch

import vlbench
from vlbench.cli.main import main
from vlbench.testing import parametrize_with_checks, toy_context, toy_dataset

PAGE = (Path(__file__).parents[2] / "docs" / "wrong-and-right.md").read_text(encoding="utf-8")
SECTIONS = re.findall(r"^## \d+\. (.+?)$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
BLOCK = re.compile(r"^```(\w+) title=\"(.+?)\"\n(.*?)^```", re.MULTILINE | re.DOTALL)
BLOCKS = [(title, *block) for title, text in SECTIONS for block in BLOCK.findall(text)]
METHODS = [(says, code) for _, kind, says, code in BLOCKS if kind == "python" and "," in says]
COMMANDS = [line for _, kind, _, code in BLOCKS if kind == "sh" for line in code.splitlines()]


def test_each_of_ten_mistakes_says_what_is_right_and_what_catches_it():
    assert len(SECTIONS) == 10
    for title, text in SECTIONS:
        assert "*Caught by*" in text, title


def test_every_check_that_the_page_names_exists():
    cited = set(re.findall(r"`([a-z]+(?:_[a-z]+){2,})`", PAGE))
    known = {param.id.removeprefix("random-") for param in parametrize_with_checks(["random"]).args[1]}
    assert cited
    assert cited <= known


@pytest.mark.parametrize(("says", "code"), METHODS, ids=lambda value: value.split("\n")[0])
def test_a_method_fares_as_the_page_says(says: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    verdict, check = says.split(", ")
    name = re.search(r"^class (\w+)", code, re.MULTILINE).group(1)
    module = f"wrong_and_right_{name.lower()}"
    (tmp_path / f"{module}.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, module, raising=False)
    call = case(declared(module, name, code), check)
    if verdict == "right":
        call()
    else:
        told = re.search(r"^# -> (.+)$", code, re.MULTILINE).group(1)
        with pytest.raises((AssertionError, vlbench.errors.VlbenchError), match=re.escape(told)):
            call()


def declared(module: str, name: str, code: str) -> vlbench.MethodSpec:
    hook = getattr(importlib.import_module(module), "vlbench_methods", None)
    if hook is None:
        family = "distillation" if "DistilledPairs" in code else "selection"
        return vlbench.MethodSpec(name.lower(), f"{module}:{name}", family, "Of the page.")
    return dataclasses.replace(hook()[0], target=f"{module}:{name}")


def case(spec: vlbench.MethodSpec, check: str) -> Any:
    cases = parametrize_with_checks([spec]).args[1]
    (found,) = [param.values[0] for param in cases if param.id == f"{spec.name}-{check}"]
    return found


def test_negatives_are_captions_of_other_images_only_where_the_page_is_right(tmp_path: Path):
    _, text = SECTIONS[3]
    for _, says, code in BLOCK.findall(text):
        train, context = toy_context(toy_dataset(), tmp_path)
        names: dict[str, Any] = {"torch": torch, "train": train, "context": context}
        exec(code, names)
        images = train.pairs[names["batch"], 0]
        assert (len(images.unique()) == len(images)) is (says == "right"), says


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_page_is_one(line: str):
    program, *words = shlex.split(line)
    assert program == "vlbench"
    with click.Context(main) as context:
        command = main.get_command(context, words[0])
        assert command is not None
        command.make_context(words[0], words[1:], parent=context)

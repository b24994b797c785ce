"""The attacks of benchmarks/trust still find what they attack."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TRUST = Path(__file__).parents[3] / "benchmarks" / "trust"


def loaded(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TRUST))
    spec = importlib.util.spec_from_file_location(f"trust_{name}", TRUST / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    return module


def test_each_phase_that_is_killed_begins_with_a_function_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    kills = loaded("kills", monkeypatch)
    for target in kills.ORDER:
        module, name = kills.attributes(target)
        assert callable(getattr(module, name)), target


def test_each_command_that_inputs_gives_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    from vlbench.cli.main import main

    inputs = loaded("inputs", monkeypatch)
    context = click.Context(main)
    context.params["plugins"] = ()
    for name in inputs.COMMANDS:
        command: click.Command | None = main
        for word in name.split():
            assert isinstance(command, click.Group)
            command = command.get_command(context, word)
        assert command is not None, name
    assert set(inputs.WRITES) <= set(inputs.COMMANDS)

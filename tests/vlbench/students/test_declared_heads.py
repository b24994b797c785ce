"""Heads that plugins declare are trained, checked and refused like everything else."""

from __future__ import annotations

from pathlib import Path

import pytest

import vlbench
from vlbench.errors import PluginError, ProtocolError
from vlbench.registry.loader import load_registry
from vlbench.runs.heads import make_head
from vlbench.students.heads import HeadConfig
from vlbench.testing.conformance import check_plugin

PLUGIN = """
from dataclasses import dataclass

import torch
from torch import nn
import vlbench

@dataclass(frozen=True)
class Options:
    hidden: int = vlbench.option(4, minimum=1, help="numbers in between")

class Deep(nn.Sequential):
    def __init__(self, options, features, width, dropout):
        super().__init__(nn.Linear(features, options.hidden), nn.Tanh(), nn.Linear(options.hidden, width))

    def start(self, generator):
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / parameter.shape[-1] ** 0.5)

class Global(Deep):
    def start(self, generator):
        for parameter in self.parameters():
            nn.init.normal_(parameter)

class Lazy(Deep):
    def start(self, generator):
        with torch.no_grad():
            self[0].weight.copy_(torch.randn(self[0].weight.shape, generator=generator))

class Crowd(Deep):
    def forward(self, features):
        out = super().forward(features)
        return out - out.mean(0)

class Narrow(Deep):
    def forward(self, features):
        return super().forward(features)[:, 1:]

class NoStart(nn.Identity):
    pass

@vlbench.hookimpl
def vlbench_heads():
    names = ("Deep", "Global", "Lazy", "Crowd", "Narrow", "NoStart")
    return [vlbench.students.HeadSpec(name.lower(), f"my_heads:{name}", "A head.", Options) for name in names]
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("heads") / "my_heads.py"
    path.write_text(PLUGIN)
    return str(path)


def test_a_declared_head_is_trained_in_a_suite(plugin: str, tmp_path: Path):
    head = '{ kind = "deep", width = 64, options = { hidden = 48 } }'
    changed = {f"students.convnet.{side}.head": head for side in ("image", "text")}
    changed |= {"training.seeds": "1", "rows.always": "[]", "rows.full": "false"}
    record = vlbench.run(
        method="random", budget=40, suite="scenes-mini", out=tmp_path, overrides=changed, plugins=[plugin]
    )
    assert record.status == "finished"
    assert record.scores["convnet"].mean_recall.mean > 8


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("deep", []),
        ("global", ["weights_come_from_the_generator"]),
        ("lazy", ["weights_come_from_the_generator"]),
        ("crowd", ["an_item_is_embedded_by_itself"]),
        ("narrow", ["embeddings_have_the_width"]),
        ("nostart", ["head_is_a_module_with_start"]),
    ],
)
def test_the_checks_find_what_is_wrong_with_a_head(plugin: str, name: str, broken: list[str]):
    results = check_plugin(name, load_registry([plugin]))
    failed = [result.check for result in results if result.status == "failed"]
    assert failed[: len(broken)] == broken
    assert bool(failed) == bool(broken)


def test_a_head_that_nobody_declared_is_refused_by_name(plugin: str):
    with pytest.raises(ProtocolError, match=r"head 'wide' does not exist. Allowed: none, linear, residual, mlp, deep"):
        make_head(load_registry([plugin]), HeadConfig("wide"), 4)


def test_a_head_without_start_is_refused(plugin: str):
    with pytest.raises(PluginError, match=r"must return a torch.nn.Module with a function start"):
        make_head(load_registry([plugin]), HeadConfig("nostart"), 4)


def test_the_options_of_a_head_are_checked(plugin: str):
    with pytest.raises(vlbench.errors.OptionError, match="hidden"):
        make_head(load_registry([plugin]), HeadConfig("deep", options={"hidden": 0}), 4)

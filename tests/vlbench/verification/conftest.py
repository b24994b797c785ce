"""Two small runs, once a session: a selection, and learned pairs with the start they came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

import vlbench
from vlbench.registry.loader import load_registry
from vlbench.registry.registry import Registry
from vlbench.verification.bundle import pack

SUITE = """
import vlbench

@vlbench.hookimpl
def vlbench_suites():
    return [vlbench.SuiteSpec(name="claims-toy", file="claims_suite:suite.toml", summary="A toy.")]
"""
TOML = """
name = "claims-toy"
version = 3
data = { name = "scenes", options = { size = "mini" } }

[students.net.image]
encoder = "scenes-convnet"
train = "frozen"
standardise = "global"
head = { kind = "linear", width = 64, start = "normal", gain = 0.3 }

[students.net.text]
encoder = "scenes-text"
train = "frozen"
standardise = "global"
head = { kind = "linear", width = 64, start = "normal", gain = 0.3 }

[training]
seeds = 4
common = { learning_rate = 0.1, batch = 20 }
grid = [{ steps = 10 }, { steps = 15 }]
warmup = { steps = 1 }

[rows]
always = []
full = false
"""
METHODS = """
from dataclasses import dataclass
import torch
import vlbench

@dataclass(frozen=True)
class Options:
    offset: int = vlbench.option(0, help="first image kept")
    weights: tuple[float, ...] = vlbench.option((0.5, 0.5), help="of nothing")
    level: float | None = vlbench.option(None, help="of nothing")

class First(vlbench.Selector):
    needs_features = False
    def select(self, features, size, generator):
        return torch.arange(size) + self.options.offset

class Shifted(vlbench.Method):
    # Real pairs, with targets by which an image matches the text of the next one.
    def condense(self, train, budget, context):
        start = vlbench.Selection(torch.arange(budget.pairs) * 5, train.fingerprint)
        text = context.student.towers["text"]
        vectors = text.standardise.inverse(context.training_set(start).tower_inputs(torch.arange(budget.pairs))["text"])
        sides = {"image": train.items("image")[: budget.pairs].clone(), "text": vectors}
        left = torch.eye(budget.pairs)
        targets = vlbench.artifacts.Targets(torch.zeros(budget.pairs), left, left.roll(1, 1))
        context.curve("loss", 1.5)
        spaces = {"image": "items", "text": text.space}
        return vlbench.DistilledPairs(sides, spaces, train.fingerprint, {}, start, targets=targets)

@vlbench.hookimpl
def vlbench_methods():
    made = (("claims-first", "First", "selection"), ("claims-shifted", "Shifted", "distillation"))
    return [vlbench.MethodSpec(name=name, target=f"claims_methods:{target}", options=Options, family=family,
                               summary="For a test.") for name, target, family in made]
"""


@dataclass(frozen=True)
class Claims:
    """Where everything is."""

    suite: Path
    methods: Path
    selection: Path
    distilled: Path

    def verifier(self) -> Registry:
        """Without the methods."""
        return load_registry([str(self.suite)])

    def author(self) -> Registry:
        """With the methods."""
        return load_registry([str(self.suite), str(self.methods)])


@pytest.fixture(scope="session")
def claims(tmp_path_factory: pytest.TempPathFactory) -> Claims:
    folder = tmp_path_factory.mktemp("claims")
    for name, text in (("claims_suite.py", SUITE), ("suite.toml", TOML), ("claims_methods.py", METHODS)):
        (folder / name).write_text(text, encoding="utf-8")
    plugins = [str(folder / "claims_suite.py"), str(folder / "claims_methods.py")]
    runs = []
    for method, options in (("claims-first", {"offset": 3, "weights": "0.25,1"}), ("claims-shifted", {})):
        record = vlbench.run(
            method=method, budget=20, suite="claims-toy", options=options, out=folder / "runs", plugins=plugins
        )
        assert record.status == "finished", record
        runs.append(folder / "runs" / record.id)
        (runs[-1] / "SHA256SUMS").unlink()  # the tests change files, as a stranger does who leaves no hashes
    return Claims(folder / "claims_suite.py", folder / "claims_methods.py", *runs)


def repack(folder: Path, target: Path, **about: str) -> Path:
    """What an attacker does who knows how bundles are made: every hash is right again."""
    pack(folder, target, {"id": folder.name, "vlbench": vlbench.__version__, **about})
    return target

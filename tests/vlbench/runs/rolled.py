"""A small run with a checkpoint, and what of its folder has to come out the same: for tests that damage or kill it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import vlbench
from vlbench.progress import SilentObserver
from vlbench.records.record import FILE_NAME, Record

PLUGIN = """
import torch
import vlbench

class Rolled(vlbench.Method):
    # Real pictures under the texts of others, in two steps with a checkpoint between.
    def condense(self, train, budget, context):
        start = vlbench.Selection(context.candidates()[: budget.pairs], train.fingerprint)
        state = context.load_checkpoint() or {"steps": torch.zeros(1)}
        while state["steps"] < 2:
            state = {"steps": state["steps"] + 1}
            context.save_checkpoint(state)
        for step in (1.0, 2.0):
            context.curve("loss", step)
        tower = context.student.towers["text"]
        vectors = tower.standardise.inverse(context.training_set(start).tower_inputs(torch.arange(len(start)))["text"])
        sides = {"image": train.items("image")[train.pairs[start.indices, 0]], "text": vectors.roll(1, 0)}
        return vlbench.DistilledPairs(sides, {"image": "items", "text": tower.space}, train.fingerprint, start=start)

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec("rolled", "rolled:Rolled", "distillation", "For a test.")]
"""
QUICK = {
    "rows.always": "[]",
    "rows.full": "false",
    "training.seeds": "2",
    "training.grid": "[{ steps = 10, batch = 20, learning_rate = 0.1 }]",
    "training.warmup.steps": "2",
}


class Listener(SilentObserver):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def write_plugin(folder: Path) -> str:
    path = folder / "rolled.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return str(path)


def run(plugin: str, out: Path, **more: Any) -> Record:
    given = {"method": "rolled", "budget": 20, "suite": "scenes-mini", "overrides": QUICK, **more}
    return vlbench.run(out=out, plugins=[plugin], **given)


def contents(folder: Path) -> dict[str, str]:
    """Name -> hash, but for what is measured by the clock."""
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}
    record = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    for cost in (record["cost"], record.get("start", {}).get("cost", {})):
        for name in [name for name in cost if name not in ("pairs", "bytes")]:
            del cost[name]
    found[FILE_NAME] = json.dumps(record | {"created": "", "resumed": 0}, sort_keys=True)
    found.pop("SHA256SUMS")
    return {name: digest for name, digest in found.items() if not name.endswith(".damaged") and name[0] != "."}

"""Runs of `scenes-mini` by quick methods, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

import vlbench

PLUGIN = """
import vlbench

class Brighter(vlbench.Method):
    def condense(self, train, budget, context):
        import torch
        chosen = vlbench.Selection(torch.arange(budget.pairs) * 5, train.fingerprint, ("text",))
        data = context.training_set(chosen)
        tower = context.student.towers["text"]
        texts = tower.standardise.inverse(data.tower_inputs(torch.arange(budget.pairs))["text"])
        images = train.items("image")[train.pairs[chosen.indices, 0]]
        images = (images.int() + 8).clamp(0, 255).to(torch.uint8)
        spaces = {"image": "items", "text": tower.space}
        return vlbench.DistilledPairs({"image": images, "text": texts}, spaces, train.fingerprint, start=chosen)

@vlbench.hookimpl
def vlbench_methods():
    return [vlbench.MethodSpec(name="brighter", target="study_plugin:Brighter", family="distillation",
                               summary="For a test.", deterministic=True)]
"""
PAIRS = 30


@pytest.fixture(scope="session")
def study_plugin(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("study") / "study_plugin.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return str(path)


@pytest.fixture(scope="session")
def runs(study_plugin: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Method -> folder of its run."""
    out = tmp_path_factory.mktemp("runs")
    quick = {"rows.always": "[]", "rows.full": "false"}
    made = {}
    for method in ("brighter", "random", "mean-caption"):
        record = vlbench.run(
            method=method, budget=PAIRS, suite="scenes-mini", out=out, overrides=quick, plugins=[study_plugin]
        )
        made[method] = out / record.id
        (made[method] / "SHA256SUMS").unlink()  # tests change the artifact, as a stranger does who leaves no hashes
    return made

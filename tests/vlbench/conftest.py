"""Records as the core writes them, with scores chosen by the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import pytest

import vlbench
from vlbench.records.record import SCHEMA, FoundRecord, parse_record


class MakeRecord(Protocol):
    def __call__(self, method: str, recall: float, **more: Any) -> FoundRecord: ...


def scores(recall: float) -> dict[str, Any]:
    """All seven scores as JSON, over five student seeds that spread by 1."""
    seeds = [recall + 1, recall - 1, recall + 1, recall - 1, recall] if 1 <= recall <= 99 else [recall] * 5
    summary = {"mean": recall, "sd": 1.0, "seeds": seeds}
    at = {f"R@{k}": summary for k in (1, 5, 10)}
    return {"directions": {"image_to_text": at, "text_to_image": at}, "mean_recall": summary}


def table(method: str, recall: float, /, **more: Any) -> dict[str, Any]:
    """A record as JSON; ``more`` are fields of it."""
    return {
        "schema": SCHEMA,
        "id": f"{method}-{more.get('budget', '100')}-{more.get('seed', 0)}",
        "status": "finished",
        "method": method,
        "family": "selection",
        "budget": "100",
        "suite": "toy",
        "protocol_hash": "0123456789abcdef",
        "protocol_version": 1,
        "options": {},
        "seed": 0,
        "deterministic": method == "full",
        "data_fingerprint": "d",
        "baselines": ["random", "mean-caption"],
        "scores": {"convnet": scores(recall)},
        "cost": {"pairs": 100, "bytes": 6_144_000, "condense_s": 1.0, "train_s": 2.0, "score_s": 3.0},
        "created": "2000-01-01T00:00:00",
        **more,
    }


@pytest.fixture
def make_record() -> MakeRecord:
    def make(method: str, recall: float, **more: Any) -> FoundRecord:
        return FoundRecord.of(parse_record(table(method, recall, **more)))

    return make


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

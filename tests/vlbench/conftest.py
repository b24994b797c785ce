"""Records as the core writes them, with scores chosen by the test."""

from __future__ import annotations

from typing import Any, Protocol

import pytest

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

"""Scores over whole ranks, against the standard library."""

import random
import statistics

import pytest
import torch

from vlbench.registry.loader import load_registry
from vlbench.registry.specs import resolve


@pytest.mark.parametrize("count", [1, 2, 7, 100])
def test_scores_equal_their_definitions(count: int):
    registry = load_registry()
    draw = random.Random(count)
    ranks = [draw.randint(1, 50) for _ in range(count)]
    median, reciprocal = (
        resolve(registry.all("score")[name].target) for name in ("median-rank", "mean-reciprocal-rank")
    )
    assert median(torch.tensor(ranks)) == statistics.median(ranks)
    assert reciprocal(torch.tensor(ranks)) == pytest.approx(statistics.fmean(1 / rank for rank in ranks))

"""Selection from shards, as its script does it: two rounds, found again, and near the selection from all at once."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from vlbench_coresets.facility import facility_location
from vlbench_coresets.kcenter import k_center

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "select_shards.py"
SIZE, SHARDS = 10, 4


@pytest.fixture
def shards(tmp_path):
    """Unit vectors about 10 centres, dealt to files of float16."""
    random = np.random.default_rng(0)
    centres = random.standard_normal((SIZE, 16))
    rows = centres[random.integers(0, SIZE, 400)] + 0.1 * random.standard_normal((400, 16))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    files = []
    for number, part in enumerate(np.array_split(rows, SHARDS)):
        files.append(tmp_path / f"{number}.npy")
        np.save(files[-1], part)
    return files


@pytest.fixture
def select(monkeypatch):
    def run(method, out, files):
        monkeypatch.setattr(sys, "argv", list(map(str, [SCRIPT, method, SIZE, out, *files])))
        runpy.run_path(str(SCRIPT), run_name="__main__")

    return run


def radius(features, picks):
    return float(torch.cdist(features, picks).min(1).values.max())


def value(features, picks):
    return float((1 + features @ picks.T).max(1).values.sum())


def test_picks_from_shards_are_near_those_from_all_rows_and_are_found_again(shards, select, tmp_path):
    everything = torch.from_numpy(np.concatenate([np.load(file) for file in shards]).astype(np.float32))
    found = {}
    for method in ("k-center", "facility-location"):
        out = tmp_path / f"{method}.npy"
        select(method, out, shards)
        picks = np.load(out)
        assert len({tuple(pick) for pick in picks.tolist()}) == SIZE
        found[method] = torch.from_numpy(np.stack([np.load(shards[s])[row] for s, row in picks]).astype(np.float32))
    whole = everything[k_center(everything, SIZE, torch.Generator().manual_seed(0))]
    # Gonzalez's own set is within twice the least radius, so four times the least is at most four times its own.
    assert radius(everything, found["k-center"]) <= 4 * radius(everything, whole)
    best = value(everything, everything[facility_location(everything, SIZE)])
    assert value(everything, found["facility-location"]) >= 0.95 * best
    parts = sorted((tmp_path / "k-center.npy.parts").iterdir())
    before = [part.stat().st_mtime_ns for part in parts]
    parts[0].unlink()
    select("k-center", tmp_path / "k-center.npy", shards)
    assert sorted((tmp_path / "k-center.npy.parts").iterdir()) == parts
    assert [part.stat().st_mtime_ns for part in parts[1:]] == before[1:]

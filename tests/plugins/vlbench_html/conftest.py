"""Runs that differ in everything a board tells apart, for the page that shows them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy
import pytest

from vlbench.records.record import write_record

from ...vlbench.conftest import MakeRecord, make_record

__all__ = ["make_record"]

WriteRun = Callable[..., Path]


@pytest.fixture
def write_run(tmp_path: Path, make_record: MakeRecord) -> WriteRun:
    """Write a run's folder with a preview of three pairs."""
    numbers = itertools.count()

    def write(method: str, recall: float, captions: tuple[str, ...] = ("one", "two", "three"), **more: Any) -> Path:
        folder = tmp_path / "runs" / f"run-{next(numbers)}"
        write_record(folder, make_record(method, recall, **more))
        pixels = numpy.random.default_rng(0).integers(0, 255, (len(captions), 3, 16, 16), dtype=numpy.uint8)
        numpy.save(folder / "preview.npy", pixels)
        (folder / "preview.json").write_text(json.dumps({"captions": captions, "caption_source": "nearest"}))
        return folder

    return write


@pytest.fixture
def runs(tmp_path: Path, write_run: WriteRun) -> Path:
    """Two suites, two budgets, ranked, provisional, and failed rows, and baselines."""
    for budget, gain in (("100", 0.0), ("500", 20.0)):
        for seed in range(3):
            more = {"budget": budget, "seed": seed, "command": ["vlbench", "run", "--seed", str(seed)]}
            write_run("vldd", 30 + gain + seed, **more, curves={"matching_loss": [2.0, 1.5, 1.0 - seed / 10]})
            write_run("herding", 14 + gain + seed, **more)
            write_run("k-center", 13.8 + gain + seed, **more)
            write_run("random", 10 + gain + seed, baseline=True, **more)
        write_run("craig", 25 + gain, budget=budget)
    write_run("full", 60.0, budget="full", baseline=True)
    write_run("chance", 1.5, budget="chance", baseline=True)
    write_run("glister", 0.0, status="failed", scores={}, message="out of memory")
    write_run("vldd", 7.0, suite="flickr30k-vldd", protocol_hash="f")
    return tmp_path / "runs"

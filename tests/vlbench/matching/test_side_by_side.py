"""Segments of an outer step that are matched at the same time, a core each."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch

import vlbench
from vlbench.matching import PathDistiller, Settings, Task
from vlbench.testing import toy_context, toy_dataset

_seen: set[str] = set()


class _Two(PathDistiller):
    def settings(self, task: Task) -> Settings:
        return Settings(
            experts=2, expert_steps=20, expert_rate=0.3, expert_batch=20, interval=5, start_range=1, segment_length=2,
            inner_steps=3, inner_batch=0, outer_steps=3, segments_per_step=2, refresh_fraction=1.0, item_rate=0.1,
            vector_rate=0.1, step_rate=0.1,
        )  # fmt: skip

    def inner_loss(self, *given: Any) -> torch.Tensor:
        _seen.add(threading.current_thread().name)
        return super().inner_loss(*given)


def _learned(folder: Path, threads: int) -> list[float]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        train, context = toy_context(toy_dataset(), folder)
        _seen.clear()
        artifact = _Two(options=None).condense(train, vlbench.Budget(5), context)
    finally:
        torch.set_num_threads(before)
    assert len(artifact) == 5
    return context.curves["matching_loss"]


def test_two_segments_at_the_same_time_give_what_they_give_in_turn(tmp_path: Path) -> None:
    in_turn = _learned(tmp_path / "one", 1)
    assert _seen == {threading.current_thread().name}
    at_once = _learned(tmp_path / "two", 2)
    assert any(name.startswith("student") for name in _seen)
    assert at_once == pytest.approx(in_turn, rel=1e-6)

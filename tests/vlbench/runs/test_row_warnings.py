"""A distilled row that ends below its own start, or whose loss rose, says so with what to try."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import vlbench
from vlbench.board.combine import read_table
from vlbench.board.render_text import render_text
from vlbench.progress import SilentObserver

PLUGIN = """
import torch, vlbench

class Worse(vlbench.Method):
    rows = 4
    def condense(self, train, budget, context):
        chosen = context.candidates()[: budget.pairs]
        start = vlbench.Selection(chosen, train.fingerprint)
        pixels = train.items("image")[train.pairs[chosen, 0]]
        data = context.training_set(start)
        text = context.student.towers["text"]
        vectors = text.standardise.inverse(data.take("text", data.pairs[:, 1]))
        for step in range(20):
            context.curve("matching_loss", 1 + self.sign * step)
        context.settings(layers=3, rate=0.5, name="x", none=None)
        order = torch.arange(len(chosen)).roll(self.shift)
        return vlbench.DistilledPairs(
            {"image": pixels, "text": vectors[order]}, {"image": "items", "text": text.space}, train.fingerprint,
            start=start,
        )

class Shuffled(Worse):
    shift, sign = 1, 1

class Same(Worse):
    shift, sign = 0, -1

@vlbench.hookimpl
def vlbench_methods():
    spec = vlbench.MethodSpec
    return [
        spec("shuffled", "below_start:Shuffled", "distillation", "Pairs that do not match.", advice="Do not shuffle."),
        spec("same", "below_start:Same", "distillation", "The start."),
    ]
"""


class Lines(SilentObserver):
    def __init__(self) -> None:
        self.said: list[str] = []

    def message(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def more(toy_suite: tuple[str, str], tmp_path: Path) -> dict[str, Any]:
    suite, plugin = toy_suite
    (tmp_path / "below_start.py").write_text(PLUGIN)
    overrides = {"rows.always": "['random']", "rows.full": "true", "training.grid.0.steps": "60"}
    plugins = [plugin, str(tmp_path / "below_start.py")]
    return {"suite": suite, "plugins": plugins, "out": tmp_path / "out", "overrides": overrides}


def test_a_row_below_its_start_and_a_loss_that_rose_are_said_with_what_to_try(more: dict[str, Any], tmp_path: Path):
    lines = Lines()
    record = vlbench.run(method="shuffled", budget=20, observer=lines, **more)
    assert record.start is not None
    score, start = (part.scores["small"].mean_recall.mean for part in (record, record.start))
    assert score < start
    below = (
        f"It ends at a mean recall of {score:.1f}, below its own start, {start:.1f}: the real pairs it began with are "
        "the better set. Do not shuffle."
    )
    rose = "Its curve 'matching_loss' rose from 1.5 to 19.5. Do not shuffle."
    assert record.warnings[-2:] == [below, rose]
    assert [line for line in lines.said if "shuffled" in line][-2:] == [
        f"shuffled at budget 20: {t}" for t in (below, rose)
    ]
    assert "Below 0: worse than random at the same budget." in render_text(read_table([tmp_path / "out"]), width=120)


def test_a_row_that_is_its_start_and_whose_loss_fell_says_nothing(more: dict[str, Any]):
    record = vlbench.run(method="same", budget=20, **more)
    assert [text for text in record.warnings if not text.startswith("Data: ")] == []
    assert record.settings == {"layers": 3, "rate": 0.5, "name": "x", "none": None}


def test_a_small_test_split_is_said_once_in_the_record_and_in_the_legend(toy_suite: tuple[str, str], tmp_path: Path):
    lines, (suite, plugin) = Lines(), toy_suite
    more = {"suite": suite, "plugins": [plugin], "out": tmp_path / "out", "observer": lines}
    record = vlbench.run(method="random", budget=5, overrides={"rows.always": "['herding']"}, **more)
    text = "Data: test holds 20 image items, under 100, so a recall at 10 says little."
    assert record.warnings == [text]
    assert lines.said.count(text) == 1
    legend = " ".join(render_text(read_table([tmp_path / "out"])).split())
    assert legend.count(text) == 1

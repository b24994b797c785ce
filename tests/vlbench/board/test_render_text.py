"""The table in a terminal of 80 columns."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from vlbench.board.leaderboard import build_table
from vlbench.board.render_text import render_text
from vlbench.records.record import StartRecord

from ..conftest import MakeRecord

METHODS = ("clip-dedup", "lors-with-targets", "bi-trajectory-matching", "mean-caption")


@pytest.mark.parametrize("seeds", [1, 3])
def test_words_of_a_label_are_never_broken(make_record: MakeRecord, seeds: int) -> None:
    asked = {"expert_steps": 144, "inner_temperature": 0.07}
    records = [
        make_record(method, 50.0 + at, seed=seed, options=options)
        for at, method in enumerate(METHODS)
        for options in ({}, asked)
        for seed in range(seeds)
    ]
    lines = render_text(build_table(records), width=80).splitlines()
    assert max(map(len, lines)) <= 80
    for word in (*METHODS, "expert_steps=144", "inner_temperature=0.07"):
        assert any(word in line.split() for line in lines), word


def test_a_row_is_one_line_and_recalls_that_do_not_fit_are_named(make_record: MakeRecord) -> None:
    records = [make_record(method, 50.0 + at, seed=seed) for at, method in enumerate(METHODS) for seed in range(3)]
    table = build_table(records)
    narrow, wide = (render_text(table, width=width).splitlines() for width in (80, 140))
    assert "Left out to fit 80 columns: TR@5, IR@5." in narrow
    assert not any(line.startswith("Left out") for line in wide)
    for method in METHODS:
        (line,) = (line for line in narrow if method in line.split())
        assert "±" in line


def test_starts_of_equal_pairs_and_the_usual_number_of_runs_stand_once(make_record: MakeRecord) -> None:
    score = make_record("start", 12.0)
    records = []
    for seed in range(3):
        for at, method in enumerate(METHODS[:3]):
            record = make_record(method, 50.0 + at, seed=seed)
            start = StartRecord(scores=score.scores, chosen=record.chosen, cost=record.cost)
            records.append(replace(record, start=start))
    table = build_table([*records, make_record("mean-caption", 20.0)])
    lines = render_text(table, width=140).splitlines()
    (line,) = (line for line in lines if "start of " in line and "a row" not in line)
    assert "start of 3 methods" in line
    assert "12.0" in line
    assert "3 runs a row where no other number stands, each with a seed of its own." in lines
    (at,) = (at for at, line in enumerate(lines) if "mean-caption" in line)
    assert lines[at + 1].split() == ["1", "run"]
    assert "start of lors-with-targets" in {row.method for row in table.groups[0].rows}

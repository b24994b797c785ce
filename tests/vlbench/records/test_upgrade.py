"""Records of older schemas open, mean what they meant, and keep their names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from vlbench.errors import DataError
from vlbench.records.record import MatchedTo, parse_record, read_record, record_id, record_table
from vlbench.records.upgrade import upgrade

from ..conftest import scores, table

OLD_SETTING = {"steps": 10, "batch": 4, "rate": 0.1}
SETTING = {"steps": 10, "batch": 4, "learning_rate": 0.1, "max_grad_norm": 0.0}


def old(version: int, **more: Any) -> dict[str, Any]:
    """A record as schema 1 to 3 wrote it."""
    value = table("vldd", 30.0, **more)
    del value["baselines"], value["deterministic"]
    flat = {**scores(30.0)["directions"], "mean_recall": scores(30.0)["mean_recall"]}
    return {**value, "schema": version, "scores": {"convnet": flat}}


def test_under_schema_1_methods_saw_the_student_that_was_scored_first() -> None:
    assert parse_record(old(1)).reference == "convnet"
    assert parse_record(old(2)).reference == ""


def test_before_schema_3_no_gradient_was_clipped() -> None:
    record = parse_record(old(2, chosen={"net": OLD_SETTING}, start={"scores": {}, "chosen": {"net": OLD_SETTING}}))
    assert record.start is not None
    assert record.chosen == record.start.chosen == {"net": SETTING}


def test_before_schema_5_settings_had_private_names() -> None:
    before = {"steps": 10, "batch": 4, "rate": 0.1, "passes": "pairs", "clip": 6.0}
    record = parse_record({**table("vldd", 30.0, chosen={"net": before}), "schema": 4})
    assert record.chosen["net"] == {
        "steps": 10, "batch": 4, "learning_rate": 0.1, "epoch_over": "pairs", "max_grad_norm": 6.0
    }  # fmt: skip


def test_schema_3_had_other_names_and_flat_scores() -> None:
    flat = {**scores(20.0)["directions"], "mean_recall": scores(20.0)["mean_recall"]}
    beside = {"method": "vldd", "options": {"rate": 1}, "budget": "100"}
    record = parse_record(old(3, always_on=True, beside=beside, start={"scores": {"convnet": flat}}))
    assert record.start is not None
    assert record.baseline
    assert record.matched_to == MatchedTo(**beside)
    assert record.baselines == ["random", "mean-caption"]
    assert record.scores["convnet"].directions["image_to_text"]["R@5"].mean == 30.0
    assert record.start.scores["convnet"].mean_recall.mean == 20.0
    assert parse_record(record_table(record)) == record


def test_full_data_and_chance_had_the_family_reference() -> None:
    full, chance = (parse_record(old(3, method=name, family="reference")) for name in ("full", "chance"))
    assert (full.family, chance.family) == ("none", "none")
    assert (full.deterministic, chance.deterministic) == (True, False)


def test_the_name_of_a_run_is_the_hash_that_every_schema_gave_it() -> None:
    # As written by version 0.1.0 for this request.
    beside = {"method": "vldd", "options": {"rate": 1}, "budget": "100"}
    assert record_id(parse_record(old(3, beside=beside))) == "vldd-100-toy-s0-0d0c0c8d"
    assert record_id(parse_record(old(3))) == "vldd-100-toy-s0-3a421ca7"


@pytest.mark.parametrize(
    "wrong", [{"baseline": True, "always_on": True}, {"scores": {"net": 3}}, {"scores": []}, {"start": 1},
              {"scores": {"net": {"directions": {}}}}, {"chosen": {"net": []}}]
)  # fmt: skip
def test_an_old_record_of_another_form_is_refused_not_repaired(wrong: dict[str, Any]) -> None:
    with pytest.raises(DataError):
        parse_record({**old(3), **wrong})


@pytest.mark.parametrize("version", [True, "1", 0, 99, None, 1.5])
def test_a_record_of_an_unknown_schema_is_left_as_it_is(version: object) -> None:
    value = {**old(3), "schema": version}
    assert upgrade(value) == value


def test_a_file_of_an_older_schema_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    file.write_text(json.dumps(old(1)))
    assert read_record(tmp_path).method == "vldd"
    assert json.loads(file.read_text()) == old(1)

"""The board at equal cost."""

from __future__ import annotations

import pytest

from vlbench.board.equal import limits, render_equal
from vlbench.board.leaderboard import build_table

from ..conftest import MakeRecord


def cost(pairs: int, size: int, seconds: float) -> dict[str, float]:
    return {"pairs": pairs, "bytes": size, "condense_s": seconds, "train_s": 0.0, "score_s": 0.0}


@pytest.fixture
def lines(make_record: MakeRecord):
    table = build_table(
        [
            make_record("random", 10.0, budget="100", cost=cost(100, 9000, 1.0)),
            make_record("random", 15.0, budget="500", cost=cost(500, 45_000, 1.5)),
            make_record("vldd", 30.0, budget="100", cost=cost(100, 4000, 70.0)),
            make_record("chance", 0.5, budget="chance", baseline=True),
        ]
    )

    def words(by: str) -> dict[str, list[str]]:
        return {line.split()[0]: line.split()[1:] for line in render_equal(table, by).splitlines() if line.split()}

    return words


def test_a_method_has_the_best_score_within_each_limit(lines):
    assert lines("pairs")["random"] == ["10.0", "15.0"]
    assert lines("pairs")["vldd"] == ["30.0", "30.0"]
    found = lines("bytes")
    assert (found["random"], found["vldd"]) == (["-", "10.0", "15.0"], ["30.0", "30.0", "30.0"])


def test_a_method_that_takes_longer_than_a_limit_has_no_score_there(lines):
    found = lines("seconds")
    assert (found["random"], found["vldd"]) == (["10.0", "15.0", "15.0"], ["-", "-", "30.0"])
    assert "chance" not in found


@pytest.mark.parametrize("costs", [[3.0], [0.2, 7.0, 1e6], [1.5**n for n in range(40)]])
def test_limits_are_few_rise_and_the_last_holds_every_cost(costs: list[float]):
    found = limits(costs)
    assert 1 <= len(found) <= 6
    assert found == sorted(set(found))
    assert max(costs) <= found[-1] <= 5 * max(costs)

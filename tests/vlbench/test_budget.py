"""Budgets: one text form, and what is refused."""

import pytest

from vlbench.budget import Budget
from vlbench.errors import BudgetError


@pytest.mark.parametrize(("text", "pairs"), [("500", 500), (500, 500), (" 7 ", 7), ("1_000", 1000), (Budget(3), 3)])
def test_budget_reads_whole_numbers(text, pairs):
    assert Budget.parse(text).pairs == pairs


@pytest.mark.parametrize("pairs", [1, 100, 29000])
def test_budget_text_reads_back(pairs):
    assert Budget.parse(str(Budget(pairs))) == Budget(pairs)


@pytest.mark.parametrize("text", ["", "ten", "1.5", "1e3", "5 0", True, None, 2.0])
def test_budget_refuses_what_is_no_whole_number(text):
    with pytest.raises(BudgetError, match=r"not a whole number of pairs.*--budget 500"):
        Budget.parse(text)


@pytest.mark.parametrize("text", ["0", "-5", 0, -1])
def test_budget_refuses_less_than_one_pair(text):
    with pytest.raises(BudgetError, match=f"budget {text} is below 1 pair"):
        Budget.parse(text)


def test_budget_rejects_more_pairs_than_the_data_has():
    Budget(60).check_fits(60)
    with pytest.raises(
        BudgetError, match=r"budget 61 is more than the train split offers: 60 images.*at most --budget 60"
    ):
        Budget(61).check_fits(60, unit="images")


def test_budgets_are_ordered_by_pairs():
    assert sorted([Budget(500), Budget(7), Budget(100)]) == [Budget(7), Budget(100), Budget(500)]

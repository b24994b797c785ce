"""Budgets: one text form, and what is refused."""

import pytest

from vlbench.budget import Budget
from vlbench.errors import ArtifactError, BudgetError


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


@pytest.mark.parametrize(
    ("text", "size", "written"),
    [
        ("5MB", 5_000_000, "5MB"),
        ("1.5 MB", 1_500_000, "1500kB"),
        ("2MiB", 2_097_152, "2097152B"),
        ("1_000kb", 1_000_000, "1MB"),
        ("3GB", 3 * 10**9, "3GB"),
        ("17B", 17, "17B"),
        ("0.5KiB", 512, "512B"),
    ],
)
def test_budget_reads_sizes_and_writes_them_in_one_form(text, size, written):
    budget = Budget.parse(text)
    assert (budget.amount, budget.unit, str(budget)) == (size, "bytes", written)
    assert Budget.parse(written) == budget


@pytest.mark.parametrize(
    ("text", "words"), [("5XB", "unit 'XB'. Allowed: B, kB"), ("0MB", "0 bytes"), ("0.3B", "0.3 bytes"), ("1.5", "5MB")]
)
def test_budget_refuses_what_is_no_size(text, words):
    with pytest.raises(BudgetError, match=words):
        Budget.parse(text)


def test_a_budget_of_bytes_says_what_fits_and_has_no_number_of_pairs():
    budget = Budget.parse("10kB")
    assert budget.pairs_that_fit(999) == 10
    assert budget.pairs_that_fit(999, beside=20) == 9
    assert Budget(7).pairs_that_fit(10**9) == 7
    with pytest.raises(BudgetError, match="10kB holds no pair of this method, which weighs 10,001 bytes"):
        budget.pairs_that_fit(10_001)
    with pytest.raises(BudgetError, match=r"counts bytes.*budget\.pairs_that_fit"):
        _ = budget.pairs


def test_an_artifact_over_its_budget_is_refused_by_name_with_both_numbers():
    Budget.parse("1kB").check_artifact_size("nth", pairs=9, size=1000)
    with pytest.raises(ArtifactError, match=r"'nth' weighs 1,001 bytes, over the budget of 1kB \(1,000 bytes\)"):
        Budget.parse("1kB").check_artifact_size("nth", pairs=9, size=1001)
    Budget(3).check_artifact_size("nth", pairs=3, size=10**9)
    with pytest.raises(ArtifactError, match="'nth' holds 4 pairs, over the budget of 3"):
        Budget(3).check_artifact_size("nth", pairs=4, size=1)


@pytest.mark.parametrize("text", ["0", "-5", 0, -1])
def test_budget_refuses_less_than_one_pair(text):
    with pytest.raises(BudgetError, match=f"budget {text} is below 1 pair"):
        Budget.parse(text)


def test_budget_rejects_more_pairs_than_the_data_has():
    Budget(60).check_available(60)
    with pytest.raises(
        BudgetError, match=r"budget 61 is more than the train split offers: 60 images.*at most --budget 60"
    ):
        Budget(61).check_available(60, unit="images")


def test_budgets_in_pairs_stand_before_those_in_bytes_each_by_size():
    budgets = [Budget.parse(text) for text in ("10MB", "500", "5MB", "7")]
    assert [str(budget) for budget in sorted(budgets, key=lambda budget: budget.sort_key)] == [
        "7",
        "500",
        "5MB",
        "10MB",
    ]

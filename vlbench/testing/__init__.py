"""Checks that an author runs on a method, and the toys they run on.

``check_method`` gives a list of results; ``parametrize_with_checks`` makes one test of each.
"""

from __future__ import annotations

from vlbench.testing.checks import CHECKS
from vlbench.testing.conformance import CheckResult, check_method, parametrize_with_checks
from vlbench.testing.toys import toy_bench, toy_context, toy_dataset, toy_student
from vlbench.testing.trials import Toys, Trial

__all__ = [
    "CHECKS",
    "CheckResult",
    "Toys",
    "Trial",
    "check_method",
    "parametrize_with_checks",
    "toy_bench",
    "toy_context",
    "toy_dataset",
    "toy_student",
]

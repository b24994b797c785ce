"""Student's t and chi-square against scipy."""

import math
from itertools import product

import pytest
from scipy import special

from vlbench.board.statistics.distributions import NORMAL, chi_square_quantile, t_quantile, t_tail

FREEDOMS = (0.7, 1, 2, 2.9, 4, 8, 17.3, 98, 999, 4999.5, 25_000)


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_tail_of_t_is_that_of_scipy(freedom: float) -> None:
    for value in (0, 1e-3, 0.4, 1, 1.7, 2.9, 3.1, 5, 12, 60):
        assert t_tail(freedom, value) == pytest.approx(special.stdtr(freedom, -value), rel=1e-10, abs=1e-300)


@pytest.mark.parametrize("freedom", [*FREEDOMS, math.inf])
def test_quantile_of_t_is_that_of_scipy(freedom: float) -> None:
    for level in (0.6, 0.9, 0.975, 0.999, 1 - 1e-6):
        expected = special.ndtri(level) if math.isinf(freedom) else special.stdtrit(freedom, level)
        assert t_quantile(freedom, level) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("freedom", "level"), [*product((1, 2, 3.7, 10, 99), (0.5, 0.8, 0.95))])
def test_quantile_of_chi_square_is_that_of_scipy(freedom: float, level: float) -> None:
    assert chi_square_quantile(freedom, level) == pytest.approx(special.chdtri(freedom, level), rel=1e-12)


def test_t_goes_over_into_the_normal_distribution_without_a_step() -> None:
    for value in (0.5, 2, 4):
        below, above = (t_tail(freedom, value) for freedom in (NORMAL, NORMAL * (1 + 1e-9)))
        assert below == pytest.approx(above, rel=1e-8)
    assert t_tail(math.inf, 2) == pytest.approx(special.ndtr(-2))
    assert t_tail(3, math.inf) == 0

"""Student's t and chi-square, as a board needs them.

scipy.special has both, and importing it takes longer than all else that a board does. The tests hold these to it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

PRECISION = 1e-15
NORMAL = 1e6
"""Degrees of freedom above which the normal distribution with its first correction is t to 1e-12."""


def t_tail(freedom: float, value: float) -> float:
    """P(T > value) for a value of 0 or more; degrees of freedom may be infinite."""
    square = value * value
    if freedom > NORMAL:
        density = math.exp(-square / 2) / math.sqrt(2 * math.pi)
        return math.erfc(value / math.sqrt(2)) / 2 + density * value * (square + 1) / (4 * freedom)
    if square == 0:
        return 0.5
    half, near, far = freedom / 2, 1 / (1 + freedom / square), freedom / (freedom + square)
    # Of the beta function B(half, 1/2), both with the powers in front of the continued fraction.
    front = math.exp(_gamma_step(half) - math.lgamma(0.5) - half * math.log1p(square / freedom) + math.log(near) / 2)
    if value > 3 and far < (half + 1) / (half + 2.5):
        return front * _fraction(half, 0.5, far) / (2 * half)
    return 0.5 - front * _fraction(0.5, half, near)


def t_quantile(freedom: float, level: float) -> float:
    """The value that T is below in ``level`` of all cases; more than a half of them."""
    normal = NormalDist().inv_cdf(level)
    if math.isinf(freedom):
        return normal
    # Newton steps in logarithms, in which the tail is concave: they come from one side, from wherever they begin.
    start = normal + (normal**3 + normal) / (4 * freedom)
    constant = _gamma_step(freedom / 2) - math.log(freedom * math.pi) / 2

    def slope(value: float, tail: float) -> float:
        density = math.exp(constant - (freedom + 1) / 2 * math.log1p(value * value / freedom))
        return -value * density / tail

    return _solve(lambda value: t_tail(freedom, value), slope, 1 - level, start)


def chi_square_quantile(freedom: float, level: float) -> float:
    """The value that chi-square exceeds in ``level`` of all cases; at least a half of them."""
    half = freedom / 2
    cube = 1 - 2 / (9 * freedom) - NormalDist().inv_cdf(level) * math.sqrt(2 / (9 * freedom))

    def below(value: float) -> float:
        term = total = 1.0
        count = half
        while term > PRECISION * total:
            count += 1
            term *= value / 2 / count
            total += term
        return total * math.exp(half * math.log(value / 2) - value / 2 - math.lgamma(half + 1))

    def slope(value: float, probability: float) -> float:
        return math.exp(half * math.log(value / 2) - value / 2 - math.lgamma(half)) / probability

    return _solve(below, slope, 1 - level, freedom * max(cube, 0.05) ** 3)


def _solve(
    probability: Callable[[float], float], slope: Callable[[float, float], float], target: float, value: float
) -> float:
    """Where a probability is ``target``; ``slope`` is d log(probability) / d log(value)."""
    for _ in range(100):
        found = probability(value)
        step = math.log(found / target) / slope(value, found)
        value *= math.exp(-step)
        if abs(step) < 1e-9:  # the next one, its square, changes nothing
            break
    return value


def _gamma_step(half: float) -> float:
    """log(gamma(half + 1/2) / gamma(half)); by its series where the two logarithms would lose digits."""
    if half < 50:
        return math.lgamma(half + 0.5) - math.lgamma(half)
    return math.log(half) / 2 - 1 / (8 * half) + 1 / (192 * half**3) - 1 / (640 * half**5) + 17 / (14336 * half**7)


def _fraction(one: float, other: float, share: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method."""
    ahead = 1.0
    total = behind = 1 / (1 - (one + other) * share / (one + 1))
    for step in range(1, 10_000):
        double = one + 2 * step
        for factor in (
            step * (other - step) * share / ((double - 1) * double),
            -(one + step) * (one + other + step) * share / (double * (double + 1)),
        ):
            behind = 1 / (1 + factor * behind)
            ahead = 1 + factor / ahead
            total *= behind * ahead
        if abs(behind * ahead - 1) < PRECISION:
            break
    return total

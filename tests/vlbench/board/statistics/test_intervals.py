"""Intervals and tests against scipy where both can do it, and by simulation where only we can."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy
import pytest
from scipy import stats

from vlbench.board.statistics.intervals import Sample, difference, estimate, holm

SCRIPT = Path(__file__).parents[4] / "benchmarks" / "statistics" / "coverage.py"


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("coverage_simulation", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_difference_of_seeds_alone_is_welchs_test() -> None:
    one, other = [30.1, 31.5, 29.2], [25.0, 28.1, 27.7, 29.9]
    found = difference(Sample(tuple(one)), Sample(tuple(other)))
    expected = stats.ttest_ind(one, other, equal_var=False)
    assert found.p_value() == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert found.value - found.half_width() == pytest.approx(interval.low)
    assert found.value + found.half_width() == pytest.approx(interval.high)


def test_images_alone_give_the_interval_of_a_bootstrap_over_them() -> None:
    images = 100 * numpy.random.default_rng(0).beta(2, 3, 400)
    same = numpy.stack([images, images, images])
    found = estimate(Sample(tuple(same.mean(1).tolist()), same))
    expected = stats.bootstrap((images,), numpy.mean, n_resamples=4000, rng=0).confidence_interval
    assert found.value - found.half_width() == pytest.approx(expected.low, abs=0.15)
    assert found.value + found.half_width() == pytest.approx(expected.high, abs=0.15)
    assert found.half_width() == pytest.approx(stats.t.ppf(0.975, 399) * stats.sem(images))


def test_paired_images_are_a_paired_test_and_what_two_rows_share_drops_out() -> None:
    generator = numpy.random.default_rng(0)
    hard = 20 * generator.standard_normal(400)
    one, other = (numpy.stack([hard + of] * 3) for of in generator.standard_normal((2, 400)))
    found = difference(Sample(tuple(one.mean(1).tolist()), one), Sample(tuple(other.mean(1).tolist()), other))
    assert found.p_value() == pytest.approx(stats.ttest_rel(one[0], other[0]).pvalue)
    assert found.half_width() < 0.1 * estimate(Sample(tuple(one.mean(1).tolist()), one)).half_width()


def test_equal_rows_do_not_differ_and_units_without_spread_are_certain() -> None:
    sample = Sample((30.0, 30.0, 30.0))
    assert difference(sample, sample).p_value() == 1
    assert difference(sample, Sample((29.0, 29.0, 29.0))).p_value() == 0
    assert estimate(sample).half_width() == 0


def test_holm_rejects_as_its_steps_do() -> None:
    p_values = numpy.random.default_rng(0).uniform(0, 0.1, 7).tolist()
    for level in (0.01, 0.05, 0.1, 0.2):
        rejected, rest = set(), sorted(range(7), key=lambda index: p_values[index])
        while rest and p_values[rest[0]] <= level / len(rest):
            rejected.add(rest.pop(0))
        assert {index for index, p in enumerate(holm(p_values)) if p <= level} == rejected
    assert holm([]) == []


def test_intervals_hold_by_simulation_where_a_percentile_bootstrap_does_not(simulation: ModuleType) -> None:
    generator = numpy.random.default_rng(0)
    of = simulation.Components(run=0.8, student=0.3, image=20.0, run_image=8.0, student_image=9.0)
    found = simulation.coverage(of, simulation.Design(images=200), 400, generator)
    assert 92 <= found["ours"] <= 98
    of = simulation.Components(run=1.5, student=0.3, image=20.0, run_image=8.0, student_image=9.0)
    found = simulation.coverage(of, simulation.Design(images=1000), 200, generator)
    assert 91 <= found["ours"] <= 99
    assert found["naive"] < 90


def test_ranks_leave_out_a_true_place_in_at_most_one_of_twenty_boards(simulation: ModuleType) -> None:
    generator = numpy.random.default_rng(0)
    of = simulation.Components(run=0.8, student=0.3, image=20.0, run_image=8.0, student_image=9.0)
    for truth in ([0.0] * 4, [0.0, 0.0, 10.0, 10.0]):
        assert simulation.wrong_ranks([of] * 4, truth, simulation.Design(images=200), 200, generator) <= 8


def test_ranks_hold_where_rows_differ_most_in_their_spread_over_seeds(simulation: ModuleType) -> None:
    board = [of for name, of in simulation.MEASURED.items() if "100" in name]
    wrong = simulation.wrong_ranks(board, [0.0] * 6, simulation.Design(), 400, numpy.random.default_rng(0))
    assert wrong <= 6.5  # Satterthwaite's degrees of freedom as they are: 8


def test_components_are_found_again_in_simulated_scores(simulation: ModuleType) -> None:
    generator = numpy.random.default_rng(0)
    runs, students, images = 60, 5, 500
    normal = generator.standard_normal
    scores = 2 * normal((runs, 1, 1)) + normal((runs, students, 1)) + 20 * normal((1, 1, images))
    scores = scores + 8 * normal((runs, 1, images)) + 9 * normal((runs, students, images))
    found = simulation.components(scores)
    assert (found.run, found.student, found.image) == pytest.approx((2, 1, 20), rel=0.25)
    assert (found.run_image, found.student_image) == pytest.approx((8, 9), rel=0.05)

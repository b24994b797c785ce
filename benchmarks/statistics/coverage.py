"""Do the board's intervals, paired tests and tie groups hold? Simulated scores whose truth is known.

A score of image i under student s of distillation run d is mu + run + student + image + run x image + student x image,
each an independent normal effect with a variance estimated from real runs. Images are shared by all methods of a board.

python benchmarks/statistics/coverage.py [RUNS] --repeats 4000
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import combinations_with_replacement
from pathlib import Path

import click
import numpy

from vlbench.board.statistics.intervals import LEVEL, Estimate, Sample, difference, estimate
from vlbench.board.statistics.ranking import rank

Array = numpy.ndarray[tuple[int, ...], numpy.dtype[numpy.float64]]
Generator = numpy.random.Generator


@dataclass(frozen=True)
class Components:
    """Standard deviations of one method's effects, in points of mean recall.

    Attributes:
        run: distillation runs.
        student: fresh students of one run.
        image: test images with their captions.
        run_image, student_image: of an image under one run, and under one student (all the rest in it).
        shared: correlation of the image effects of two methods.
    """

    run: float
    student: float
    image: float
    run_image: float
    student_image: float
    shared: float = 0.5


def components(scores: Array) -> Components:
    """Estimates from float64 [run, student, image], by expected mean squares: students in runs, crossed with images."""
    runs, students, images = scores.shape
    by_run, by_image, by_both = scores.mean((1, 2)), scores.mean((0, 1)), scores.mean(1)
    by_student = scores.mean(2)
    ms_run = students * images * by_run.var(ddof=1)
    ms_student = images * by_student.var(axis=1, ddof=1).mean()
    ms_image = runs * students * by_image.var(ddof=1)
    rest = by_both - by_run[:, None] - by_image + scores.mean()
    ms_run_image = students * (rest**2).sum() / ((runs - 1) * (images - 1))
    rest = scores - by_both[:, None] - by_student[:, :, None] + by_run[:, None, None]
    ms_rest = (rest**2).sum() / (runs * (students - 1) * (images - 1))
    squares = (
        (ms_run - ms_student - ms_run_image + ms_rest) / (students * images),
        (ms_student - ms_rest) / images,
        (ms_image - ms_run_image) / (runs * students),
        (ms_run_image - ms_rest) / students,
        ms_rest,
    )
    return Components(*(max(float(square), 0.0) ** 0.5 for square in squares))


@dataclass(frozen=True)
class Design:
    """How much is measured: seeds, and test images."""

    runs: int = 3
    students: int = 5
    images: int = 1000


def simulate(of: Components, design: Design, common: Array, generator: Generator) -> Sample:
    """Scores of one method whose true score is 0; ``common`` is what its images share with other methods' [image]."""
    normal = generator.standard_normal
    run = of.run * normal(design.runs) + of.student / design.students**0.5 * normal(design.runs)
    image = of.image * (of.shared**0.5 * common + (1 - of.shared) ** 0.5 * normal(design.images))
    both = (of.run_image**2 + of.student_image**2 / design.students) ** 0.5
    scores = run[:, None] + image + both * normal((design.runs, design.images))
    return Sample(tuple(scores.mean(1).tolist()), scores)


def percentile_bootstrap(sample: Sample, generator: Generator, resamples: int = 400) -> tuple[float, float]:
    """The naive interval: runs and images drawn with replacement, the middle 95 % of the means."""
    assert sample.images is not None
    runs, images = sample.images.shape
    chosen = generator.integers(images, size=(resamples, images)) + images * numpy.arange(resamples)[:, None]
    weights = numpy.bincount(chosen.ravel(), minlength=resamples * images).reshape(resamples, images)
    means = weights @ sample.images.T / images
    drawn = generator.integers(runs, size=(resamples, runs))
    low, high = numpy.quantile(numpy.take_along_axis(means, drawn, 1).mean(1), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def covers(found: Estimate) -> bool:
    """Whether an estimate's interval holds the truth, 0."""
    return abs(found.value) <= found.half_width()


def coverage(of: Components, design: Design, repeats: int, generator: Generator) -> dict[str, float]:
    """Share of intervals that hold the truth, in percent: ours, of seeds alone, and the naive one."""
    hits = {"ours": 0, "seeds only": 0, "naive": 0}
    for _ in range(repeats):
        sample = simulate(of, design, generator.standard_normal(design.images), generator)
        hits["ours"] += covers(estimate(sample))
        hits["seeds only"] += covers(estimate(Sample(sample.units)))
        low, high = percentile_bootstrap(sample, generator)
        hits["naive"] += low <= 0 <= high
    return {name: 100 * count / repeats for name, count in hits.items()}


def false_differences(pair: Sequence[Components], design: Design, repeats: int, generator: Generator) -> float:
    """Percent of paired tests at 5 % that tell two equally good methods apart."""
    wrong = 0
    for _ in range(repeats):
        common = generator.standard_normal(design.images)
        one, other = (simulate(of, design, common, generator) for of in pair)
        wrong += not covers(difference(one, other))
    return 100 * wrong / repeats


def wrong_ranks(
    board: Sequence[Components], truth: Sequence[float], design: Design, repeats: int, generator: Generator
) -> float:
    """Percent of boards on which the places of any row leave out a true one; ``truth`` holds the true scores."""
    wrong = 0
    for _ in range(repeats):
        common = generator.standard_normal(design.images)
        samples = [shifted(simulate(of, design, common, generator), by) for of, by in zip(board, truth, strict=True)]
        for places, own in zip(rank(samples).ranks, truth, strict=True):
            best, worst = (int(part) for part in (places.split("-") * 2)[:2])
            if best > 1 + sum(other > own for other in truth) or worst < sum(other >= own for other in truth):
                wrong += 1
                break
    return 100 * wrong / repeats


def smallest_difference(board: Sequence[Components], design: Design, repeats: int, generator: Generator) -> float:
    """Median, over boards of equal rows, of the smallest difference that a board says it can tell apart, in points."""
    found = []
    for _ in range(repeats):
        common = generator.standard_normal(design.images)
        found.append(rank([simulate(of, design, common, generator) for of in board]).resolution)
    return float(numpy.median(found))


def shifted(sample: Sample, by: float) -> Sample:
    """The same scores, higher by ``by`` points."""
    assert sample.images is not None
    return Sample(tuple(unit + by for unit in sample.units), sample.images + by)


MEASURED = {
    "forgetting 100 scenes": Components(0.82, 0.00, 10.53, 16.90, 6.30, 0.77),
    "forgetting 500 scenes": Components(0.00, 0.24, 22.65, 15.95, 8.92, 0.62),
    "herding 100 scenes": Components(0.37, 0.13, 7.43, 14.40, 5.43, 1.00),
    "herding 500 scenes": Components(0.00, 0.23, 15.87, 19.61, 8.17, 1.00),
    "k-center 100 scenes": Components(0.00, 0.00, 1.15, 10.03, 3.31, 1.00),
    "k-center 500 scenes": Components(0.00, 0.20, 7.25, 16.20, 8.16, 1.00),
    "mean-caption 100 scenes": Components(0.29, 0.17, 10.54, 16.39, 6.50, 0.83),
    "mean-caption 500 scenes": Components(0.00, 0.14, 21.09, 16.97, 8.62, 0.71),
    "random 100 scenes": Components(1.83, 0.15, 5.87, 14.67, 5.13, 1.00),
    "random 500 scenes": Components(0.00, 0.26, 16.82, 19.22, 8.72, 0.94),
    "vldd 100 scenes": Components(0.32, 0.02, 24.23, 9.32, 7.80, 0.19),
    "vldd 500 scenes": Components(0.49, 0.06, 22.11, 8.02, 3.89, 0.46),
}
"""On ``scenes``, three distillation seeds of five students, 1,000 test images: as this script prints them."""

WILD, CALM = Components(2.0, 0.0, 20.0, 8.0, 8.0), Components(0.2, 0.0, 20.0, 2.0, 2.0)
ADVERSE = {
    "1 wild row of 6": [WILD, *[CALM] * 5],
    "2 wild rows of 6": [WILD, WILD, *[CALM] * 4],
    "12 rows, half of it images": [Components(1.0, 0.0, 20.0, 8.0, 8.0)] * 12,
}
"""Boards on which seeds that look calm by chance mislead most."""


def from_runs(folder: Path) -> dict[str, Components]:
    """Components of every row under ``folder`` that has several runs with ranks."""
    from vlbench.board.per_image import image_scores
    from vlbench.records.record import find_records

    rows: dict[str, list[Array]] = {}
    for record in find_records([folder]):
        for student in record.scores:
            if images := image_scores(record, student):
                name = " ".join((record.method, record.budget, record.suite))
                rows.setdefault(name, []).append(numpy.mean(list(images.values()), axis=0))
    several = {name: numpy.stack(runs) for name, runs in rows.items() if len(runs) > 1}
    centred = {name: scores.mean((0, 1)) for name, scores in several.items()}
    found = {}
    for name, scores in several.items():
        others = [centred[other] for other in several if other != name and other.split()[1:] == name.split()[1:]]
        part = components(scores)
        shared = [float(numpy.cov(centred[name], other)[0, 1]) / max(part.image**2, 1e-9) for other in others]
        found[name] = Components(*astuple(part)[:5], shared=float(numpy.clip(numpy.mean(shared or [0.5]), 0, 1)))
    return found


def print_coverage(rows: dict[str, Components], repeats: int, generator: Generator) -> None:
    """One line a row and number of seeds."""
    click.echo("\n| row | seeds | ours | t over seeds alone | percentile bootstrap |\n|---|---|---|---|---|")
    for name, of in rows.items():
        for runs in (3, 5):
            found = coverage(of, Design(runs=runs), repeats, generator)
            click.echo(f"| {name} | {runs} | " + " | ".join(f"{value:.1f}" for value in found.values()) + " |")


def print_errors(rows: dict[str, Components], repeats: int, generator: Generator) -> None:
    """False positives of the paired test and of the ranks, for the rows that would stand in one table."""
    click.echo("\n| table | what | |\n|---|---|---|")
    tables: dict[str, list[Components]] = {}
    for name, of in rows.items():
        tables.setdefault(" ".join(name.split()[1:]), []).append(of)
    for name, table in (tables | ADVERSE).items():
        for text, share in errors(table, repeats, generator).items():
            click.echo(f"| {name} | {text} | {share:.1f} |")


def errors(table: Sequence[Components], repeats: int, generator: Generator) -> dict[str, float]:
    """What was tested -> percent wrong, and the price in points, for the rows of one table."""
    design, count = Design(), len(table)
    pairs = list(combinations_with_replacement(table, 2))
    each = max(repeats // len(pairs), 1)
    wrong = [false_differences(pair, design, each, generator) for pair in pairs]
    apart = [10.0 * number for number in range(count)]
    truths = {
        "all equal": [0.0] * count,
        "each 10 points from the next": apart,
        "pairs of equals": [score - score % 20 for score in apart],
    }
    return (
        {"paired test at 5 %, two equal rows": sum(wrong) / len(wrong)}
        | {
            f"a place of {count} rows, {text}": wrong_ranks(table, truth, design, repeats, generator)
            for text, truth in truths.items()
        }
        | {"smallest difference told apart, in points": smallest_difference(table, design, repeats // 4, generator)}
    )


@click.command()
@click.argument("runs", required=False, type=click.Path(path_type=Path))
@click.option("--repeats", default=4000, show_default=True)
@click.option("--seed", default=0, show_default=True)
def main(runs: Path | None, repeats: int, seed: int) -> None:
    """Coverage and false positives with the components of the rows under RUNS; without, with those measured before."""
    rows = from_runs(runs) if runs else MEASURED
    names = list(Components.__dataclass_fields__)
    click.echo("| row | " + " | ".join(names) + " |\n|---|" + "---|" * len(names))
    for name, of in rows.items():
        click.echo(f"| {name} | " + " | ".join(f"{value:.2f}" for value in astuple(of)) + " |")
    print_coverage(rows, repeats, numpy.random.default_rng(seed))
    print_errors(rows, repeats, numpy.random.default_rng(seed))


if __name__ == "__main__":
    main()

"""A student's step beside the matrix products that it cannot do without, interleaved in one run: processor time, ratio.

OMP_NUM_THREADS=1 python benchmarks/perf/student.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import click
import torch
from torch import Tensor, nn

from vlbench import Encoder, SeedTree
from vlbench.students import Recipe, Student, Tower, TrainingSet, train
from vlbench.students.heads import HeadConfig
from vlbench.students.student import Standardise, TowerConfig

WIDTHS = {"image": 512, "text": 256}
"""Features of either side, and below numbers in an embedding, of the suite ``scenes``."""
EMBEDDING = 256


class Ready(Encoder):
    """An encoder whose features are there already."""

    def __init__(self, width: int) -> None:
        self.width, self.module, self.identity = width, nn.Identity(), f"ready {width}"

    def inputs(self, items: Tensor) -> Tensor:
        """The features."""
        return items


def student() -> Student:
    """Two linear heads on frozen features."""
    config = TowerConfig("ready", head=HeadConfig(width=EMBEDDING))
    plain = {side: Standardise.fit(torch.zeros(1, width), "none") for side, width in WIDTHS.items()}
    towers = {side: Tower(side, config, Ready(width), plain[side]) for side, width in WIDTHS.items()}
    return Student("heads", towers, temperature=0.07)


def products(batch: int, steps: int) -> Callable[[], None]:
    """The matrix products of so many steps: into the heads, similarities, and both ways back."""
    one, two = (torch.randn(batch, width) for width in WIDTHS.values())
    to_one, to_two = (torch.randn(EMBEDDING, width) for width in WIDTHS.values())

    def work() -> None:
        for _ in range(steps):
            u, v = one @ to_one.T, two @ to_two.T
            pull = u @ v.T
            (pull @ v).T @ one, (pull.T @ u).T @ two  # only their time counts

    return work


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of a call, of all threads: they do not depend on what else the machine does."""
    start = time.process_time()
    work()
    return time.process_time() - start


@click.command()
@click.option("--pairs", default=500, show_default=True)
@click.option("--steps", default=60, show_default=True, help="Steps in one measurement.")
@click.option("--repeats", default=9, show_default=True)
def main(pairs: int, steps: int, repeats: int) -> None:
    """Time whole training steps: batches, noise, gradient and update."""
    heads, numbers = student(), torch.arange(pairs)
    drawn = {side: torch.randn(pairs, width) for side, width in WIDTHS.items()}
    data = TrainingSet(lambda side, at: drawn[side][at], torch.stack([numbers, numbers], 1), ("image", "text"))
    for batch, noise in ((100, 0.0), (100, 0.5), (256, 0.0)):
        recipe = Recipe(steps, batch, rate=0.1, weight_decay=1e-3, noise=noise)
        bare = products(batch, steps)

        def step(recipe: Recipe = recipe) -> None:
            train(heads, data, recipe, SeedTree(0))

        bare()
        step()
        times = [(seconds(step), seconds(bare)) for _ in range(repeats)]
        ours, least = (1e3 * median(column) / steps for column in zip(*times, strict=True))
        ratio = median(one / other for one, other in times)
        click.echo(f"batch {batch}, noise {noise}: step {ours:.2f} ms, bare products {least:.2f} ms, ratio {ratio:.2f}")


if __name__ == "__main__":
    main()

"""Ranks of every query beside the bare FAISS search they need, in one run: seconds, ratio and peak memory.

python benchmarks/perf/retrieval.py --images 5000 --captions 5
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import click
import faiss
import torch
from torch.nn import functional as F

from vlbench.cost import Meter
from vlbench.score.retrieval import CUTS, best_ranks


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Median seconds of some calls."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return median(times)


@click.command()
@click.option("--images", default=5000, show_default=True)
@click.option("--captions", default=5, show_default=True, help="Captions of an image.")
@click.option("--width", default=256, show_default=True)
@click.option("--repeats", default=5, show_default=True)
def main(images: int, captions: int, width: int, repeats: int) -> None:
    """Time both directions of retrieval."""
    generator = torch.Generator().manual_seed(0)
    image = F.normalize(torch.randn(images, width, generator=generator), dim=1)
    text = F.normalize(torch.randn(images * captions, width, generator=generator), dim=1)
    order = torch.arange(len(text))
    pairs = torch.stack([order // captions, order], 1)

    def bare() -> None:
        for queries, gallery, most in ((image, text, captions), (text, image, 1)):
            index = faiss.IndexFlatIP(width)
            index.add(gallery.numpy())
            index.search(queries.numpy(), CUTS[-1] + most)

    def ours() -> None:
        best_ranks(image, text, pairs)
        best_ranks(text, image, pairs.flip(1))

    bare()
    with Meter() as meter:
        ours()
    one, other = seconds(ours, repeats), seconds(bare, repeats)
    click.echo(f"{images} images x {len(text)} captions, width {width}, median of {repeats}")
    click.echo(
        f"ranks {one:.2f} s, bare search {other:.2f} s, ratio {one / other:.2f}, peak {meter.peak_bytes / 1e9:.2f} GB"
    )


if __name__ == "__main__":
    main()

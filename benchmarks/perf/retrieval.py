"""Ranks of every query beside the bare FAISS search they need, in one run: processor seconds, ratio and peak memory.

OMP_NUM_THREADS=1 python benchmarks/perf/retrieval.py --images 5000 --captions 5
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import click
import faiss
import torch
from torch import Tensor
from torch.nn import functional as F

from vlbench.evaluation.retrieval import CUTS, Ranks, mean_recall, rank_embeddings, score_ranks
from vlbench.runs.meter import Meter


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of a call: they do not depend on what else the machine does."""
    start = time.process_time()
    work()
    return time.process_time() - start


def embeddings(images: int, captions: int, width: int, share: float) -> tuple[Tensor, Tensor]:
    """Images and captions whose vectors have ``share`` of their squared length in common with their partners'."""
    generator = torch.Generator().manual_seed(0)
    image, text = (torch.randn(count, width, generator=generator) for count in (images, images * captions))
    text = share**0.5 * image.repeat_interleave(captions, 0) + (1 - share) ** 0.5 * text
    return F.normalize(image, dim=1), F.normalize(text, dim=1)


@click.command()
@click.option("--images", default=5000, show_default=True)
@click.option("--captions", default=5, show_default=True, help="Captions of an image.")
@click.option("--width", default=256, show_default=True)
@click.option("--repeats", default=5, show_default=True)
def main(images: int, captions: int, width: int, repeats: int) -> None:
    """Time both directions of retrieval, on embeddings that say nothing of their partners and on ones that do."""
    order = torch.arange(images * captions)
    pairs = torch.stack([order // captions, order], 1)
    click.echo(f"{images} images x {len(order)} captions, width {width}, median of {repeats}")
    for name, share in (("random", 0.0), ("weak student", 0.012), ("strong student", 0.04)):
        image, text = embeddings(images, captions, width, share)

        def ours(image: Tensor = image, text: Tensor = text) -> Ranks:
            return rank_embeddings({"image": image, "text": text}, pairs)

        def bare(image: Tensor = image, text: Tensor = text) -> None:
            for queries, gallery, most in ((image, text, captions), (text, image, 1)):
                index = faiss.IndexFlatIP(width)
                index.add(gallery.numpy())
                index.search(queries.numpy(), CUTS[-1] + most)

        bare()
        with Meter() as meter:
            recall = mean_recall(score_ranks(ours()))
        times = [(seconds(ours), seconds(bare)) for _ in range(repeats)]
        ranks_s, search_s = (median(column) for column in zip(*times, strict=True))
        ratio = median(one / other for one, other in times)
        click.echo(
            f"{name}, mean recall {recall:.1f}: ranks {ranks_s:.2f} s, bare search {search_s:.2f} s, "
            f"ratio {ratio:.2f}, peak {meter.peak_bytes / 1e9:.2f} GB"
        )


if __name__ == "__main__":
    main()

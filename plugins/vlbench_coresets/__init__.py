"""Coreset selection: the rows that a distillation method has to beat, each in one short module."""

from __future__ import annotations

from typing import Any

import vlbench
from vlbench_coresets.options import (
    ClusterOptions,
    DedupOptions,
    ForgettingOptions,
    LengthOptions,
    MeanCaptionOptions,
    SelectorOptions,
)


@vlbench.hookimpl
def vlbench_methods() -> list[vlbench.MethodSpec]:
    """Selectors of real pairs."""
    return [*_greedy(), *_by_score(), *_by_cluster()]


def _greedy() -> list[vlbench.MethodSpec]:
    return [
        _spec(
            "random", "random_pairs:RandomPairs", SelectorOptions,
            "Pairs drawn uniformly, one of each image.",
        ),
        _spec(
            "mean-caption", "random_pairs:RandomPairs", MeanCaptionOptions,
            "Images drawn uniformly, each with the mean of its captions' vectors as text.",
        ),
        _spec(
            "herding", "herding:Herding", SelectorOptions,
            "Pairs whose running mean stays closest to the mean of all.",
            paper="Welling 2009, Herding dynamical weights to learn",
        ),
        _spec(
            "herding-mean", "herding:Herding", MeanCaptionOptions,
            "Herded images, each with the mean of its captions' vectors as text.",
            paper="Welling 2009, Herding dynamical weights to learn",
        ),
        _spec(
            "k-center", "kcenter:KCenter", SelectorOptions,
            "Farthest first: each next pair is the one farthest from all chosen.",
            paper="Sener and Savarese 2018, Active learning for convolutional neural networks: a core-set approach",
        ),
    ]  # fmt: skip


def _by_score() -> list[vlbench.MethodSpec]:
    return [
        _spec(
            "forgetting", "forgetting:Forgetting", ForgettingOptions,
            "Pairs that a training run forgets least often.",
            paper="Toneva et al. 2019, An empirical study of example forgetting during deep neural network learning",
            quick={"epochs": 2},
        ),
        _spec(
            "length", "length:Length", LengthOptions,
            "Pairs with the longest captions.",
        ),
        _spec(
            "clip-score", "clip_score:ClipScore", SelectorOptions,
            "Pairs whose image and caption agree most under a two-tower student.",
            paper="Hessel et al. 2021, CLIPScore",
        ),
    ]  # fmt: skip


def _by_cluster() -> list[vlbench.MethodSpec]:
    return [
        _spec(
            "semdedup", "semdedup:SemDeDup", DedupOptions,
            "Pairs least like another one of their cluster.",
            paper="Abbas et al. 2023, SemDeDup",
        ),
        _spec(
            "k-means", "kmeans:KMeans", ClusterOptions,
            "The real pair nearest to each of as many cluster centres.",
            paper="PDS, ICLR 2026, arXiv 2602.19756: its selection half",
        ),
        _spec(
            "facility-location", "facility:FacilityLocation", SelectorOptions,
            "Pairs that together lie near all others.",
            paper="Nemhauser, Wolsey and Fisher 1978; lazy evaluation by Minoux 1978",
            scaling="quadratic",
        ),
    ]  # fmt: skip


def _spec(name: str, target: str, options: type, summary: str, **more: Any) -> vlbench.MethodSpec:
    return vlbench.MethodSpec(
        name=name, target=f"vlbench_coresets.{target}", family="selection", summary=summary, options=options, **more
    )

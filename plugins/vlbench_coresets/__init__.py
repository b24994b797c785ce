"""Coreset selection: the rows that a distillation method has to beat, each in one short module."""

from __future__ import annotations

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
    return [*_first(), *_second()]


def _first() -> list[vlbench.MethodSpec]:
    return [
        vlbench.MethodSpec(
            name="random",
            target="vlbench_coresets.random_pairs:RandomPairs",
            family="selection",
            summary="Pairs drawn uniformly, one of each image.",
            options=SelectorOptions,
        ),
        vlbench.MethodSpec(
            name="mean-caption",
            target="vlbench_coresets.random_pairs:RandomPairs",
            family="selection",
            summary="Images drawn uniformly, each with the mean of its captions' vectors as text.",
            options=MeanCaptionOptions,
        ),
        vlbench.MethodSpec(
            name="herding",
            target="vlbench_coresets.herding:Herding",
            family="selection",
            summary="Pairs whose running mean stays closest to the mean of all.",
            options=SelectorOptions,
            paper="Welling 2009, Herding dynamical weights to learn",
        ),
        vlbench.MethodSpec(
            name="k-center",
            target="vlbench_coresets.kcenter:KCenter",
            family="selection",
            summary="Farthest first: each next pair is the one farthest from all chosen.",
            options=SelectorOptions,
            paper="Sener and Savarese 2018, Active learning for convolutional neural networks: a core-set approach",
        ),
        vlbench.MethodSpec(
            name="forgetting",
            target="vlbench_coresets.forgetting:Forgetting",
            family="selection",
            summary="Pairs that a training run forgets least often.",
            options=ForgettingOptions,
            paper="Toneva et al. 2019, An empirical study of example forgetting during deep neural network learning",
            quick={"passes": 2},
        ),
    ]


def _second() -> list[vlbench.MethodSpec]:
    return [
        vlbench.MethodSpec(
            name="herding-mean",
            target="vlbench_coresets.herding:Herding",
            family="selection",
            summary="Herded images, each with the mean of its captions' vectors as text.",
            options=MeanCaptionOptions,
            paper="Welling 2009, Herding dynamical weights to learn",
        ),
        vlbench.MethodSpec(
            name="clip-score",
            target="vlbench_coresets.clip_score:ClipScore",
            family="selection",
            summary="Pairs whose image and caption agree most under a two-tower student.",
            options=SelectorOptions,
            paper="Hessel et al. 2021, CLIPScore",
        ),
        vlbench.MethodSpec(
            name="semdedup",
            target="vlbench_coresets.semdedup:SemDeDup",
            family="selection",
            summary="Pairs least like another one of their cluster.",
            options=DedupOptions,
            paper="Abbas et al. 2023, SemDeDup",
        ),
        vlbench.MethodSpec(
            name="k-means",
            target="vlbench_coresets.kmeans:KMeans",
            family="selection",
            summary="The real pair nearest to each of as many cluster centres.",
            options=ClusterOptions,
            paper="PDS, ICLR 2026, arXiv 2602.19756: its selection half",
        ),
        vlbench.MethodSpec(
            name="facility-location",
            target="vlbench_coresets.facility:FacilityLocation",
            family="selection",
            summary="Pairs that together lie near all others.",
            options=SelectorOptions,
            paper="Nemhauser, Wolsey and Fisher 1978; lazy evaluation by Minoux 1978",
            cost="quadratic",
        ),
        vlbench.MethodSpec(
            name="length",
            target="vlbench_coresets.length:Length",
            family="selection",
            summary="Pairs with the longest captions.",
            options=LengthOptions,
        ),
    ]

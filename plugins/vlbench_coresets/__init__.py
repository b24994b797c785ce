"""Coreset selection: the rows that a distillation method has to beat, each in one short module."""

from __future__ import annotations

import vlbench
from vlbench_coresets.options import ForgettingOptions, MeanCaptionOptions, SelectorOptions


@vlbench.hookimpl
def vlbench_methods() -> list[vlbench.MethodSpec]:
    """Selectors of real pairs."""
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

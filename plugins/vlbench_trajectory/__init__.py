"""Distillers: they follow the paths of experts, as ``vldd``, or minimise a loss of the pairs, as ``covariance``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

from vlbench import MethodSpec, hookimpl
from vlbench_trajectory import options

_QUICK_PATHS: Mapping[str, float] = {
    "experts": 2,
    "expert_rate": 0.1,
    "expert_steps": 24,
    "inner_steps": 4,
    "outer_steps": 8,
    "segments_per_step": 1,
}
_QUICK: Mapping[str, float] = {"outer_steps": 8}
_TRIES = 20
"""Settings that were compared: while ``vldd`` was written (docs/vldd.md), whose defaults those that follow experts
have, and by a search for each of the others (docs/field.md)."""
_ADVICE = "Try lower item_rate and vector_rate, or more outer_steps."
_VLDD = "Wu, Zhang, Deng and Russakovsky: Vision-Language Dataset Distillation. TMLR 2024."


@hookimpl
def vlbench_methods() -> list[MethodSpec]:
    """The methods of this package."""
    return [*(replace(spec, tries=_TRIES) for spec in (*_followers_of_experts(), *_minimisers())), _noise()]


def _followers_of_experts() -> list[MethodSpec]:
    return [
        _spec("vldd", "vldd:VLDD", options.VLDDOptions, _QUICK_PATHS, _VLDD,
              "Learn pixels and text vectors whose students follow experts' paths: bi-trajectory matching."),
        _spec("tesla", "tesla:TESLA", options.PathOptions, _QUICK_PATHS,
              "Cui et al.: Scaling up dataset distillation to ImageNet-1K with constant memory. ICML 2023.",
              "vldd with TESLA's gradient, which leaves out how a step moves those after it."),
        _spec("lors", "lors:LoRS", options.SoftOptions, _QUICK_PATHS, "LoRS: low-rank similarity mining. ICML 2024.",
              "vldd with learned soft targets: how much each image matches the other texts."),
        _spec("repblend", "repblend:RepBlend", options.SoftOptions, _QUICK_PATHS,
              "RepBlend: representation blending. NeurIPS 2025.",
              "lors on heads alone, with representations of pairs blended in every student step."),
        _spec("ptm-st", "ptm_st:PTMST", options.PhaseOptions, _QUICK_PATHS, "PTM-ST. ICLR 2026, arXiv 2603.25388.",
              "Follow straightened experts, parts of the pairs one after the other."),
    ]  # fmt: skip


def _minimisers() -> list[MethodSpec]:
    return [
        _spec("mdm", "mdm:MDM", options.MDMOptions, {**_QUICK, "experts": 2}, "MDM. CVPR 2026, arXiv 2605.23482.",
              "Match the distributions of what both sides share and of what tells them apart."),
        _spec("covariance", "covariance:Covariance", options.CovarianceOptions, _QUICK,
              "CovMatch. NeurIPS 2025, arXiv 2510.18583; with frozen encoders.",
              "Pairs whose cross-covariance is that of the data."),
        _spec("linear-gradient", "linear_gradient:LinearGradient", options.LinearGradientOptions, _QUICK,
              "After linear gradient matching for pretrained vision models. NeurIPS 2025.",
              "Pairs whose gradient for random heads points where that of real pairs does."),
        _spec("ridge-meta", "ridge_meta:RidgeMeta", options.RidgeOptions, _QUICK, "",
              "Real images with text vectors on which a ridge map retrieves real pairs."),
        _spec("projector", "projector:Projector", options.ProjectorOptions, _QUICK,
              "After the abstract of APM. ICML 2026.",
              "Pairs on which the best linear maps between the sides are those of the data."),
    ]  # fmt: skip


def _noise() -> MethodSpec:
    summary = "Pairs of Gaussian noise: nothing is learned."
    return _spec("noise", "noise:Noise", options.NoiseOptions, {}, _VLDD, summary)


def _spec(name: str, target: str, kind: type, quick: Mapping[str, float], paper: str, summary: str) -> MethodSpec:
    return MethodSpec(
        name=name, target=f"vlbench_trajectory.{target}", options=kind, family="distillation", summary=summary,
        paper=paper, quick=quick, advice=_ADVICE if "item_rate" in {field.name for field in fields(kind)} else "",
    )  # fmt: skip

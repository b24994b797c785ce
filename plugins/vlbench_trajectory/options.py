"""Options of the distillers. Light: importing them imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vlbench import option
from vlbench.matching import LearnOptions, StepOptions

_AUTO = "; none: from what is trained, the budget and the data"
_PRESET = "settings that are not given: ours, or those published"
_RANK = "rank of learned targets beside their diagonal; 0: a weight for each pair; none: 10, the published one under "
_RANK += "preset=paper"


@dataclass(frozen=True)
class PathOptions(LearnOptions):
    """Of all that follow experts; ``none`` is resolved by :func:`vlbench_trajectory.settings.resolve`."""

    preset: Literal["default", "paper"] = option("default", help=_PRESET)
    warm_start: bool = option(True, help="match heads alone first where an encoder is trained")
    experts: int | None = option(None, minimum=1, help="students trained on all data whose paths are matched" + _AUTO)
    expert_steps: int | None = option(None, minimum=1, help="SGD steps of an expert" + _AUTO)
    expert_rate: float | None = option(None, above=0, help="constant learning rate of experts" + _AUTO)
    expert_batch: int | None = option(None, minimum=2, help="pairs in an expert's batch" + _AUTO)
    interval: int | None = option(None, minimum=1, help="expert steps between two snapshots" + _AUTO)
    start_range: int | None = option(
        None, minimum=0, help="segments start at a snapshot from 0 to this one at most" + _AUTO
    )
    segment_length: int | None = option(None, minimum=1, help="snapshots from a segment's start to its target" + _AUTO)
    inner_steps: int | None = option(None, minimum=1, help="student steps within a segment" + _AUTO)
    inner_batch: int | None = option(None, minimum=0, help="pairs in a student's step, 0 for the whole set" + _AUTO)
    outer_steps: int | None = option(None, minimum=1, help="updates of the learned pairs" + _AUTO)
    segments_per_step: int | None = option(
        None, minimum=1, help="segments, of different experts, averaged in an update" + _AUTO
    )
    refresh_fraction: float | None = option(
        None, above=0, maximum=1, help="share of items that is run through a frozen encoder in an update" + _AUTO
    )
    expert_augment: Literal["auto", "none", "randaugment"] = option(
        "auto",
        help="randaugment: experts of a trained encoder see changed images; auto: so under preset=paper",
    )
    snapshots: Literal["float32", "bf16"] = option(
        "float32",
        help="how experts' snapshots are stored; bf16: differences to the one before, in half of the bytes",
        added_later=True,
    )
    item_rate: float | None = option(None, minimum=0, help="outer learning rate of pixels, at unit RMS" + _AUTO)
    vector_rate: float | None = option(None, minimum=0, help="outer learning rate of text vectors, at unit RMS" + _AUTO)
    step_rate: float | None = option(
        None, minimum=0, help="outer learning rate of the inner step sizes, in log space" + _AUTO
    )


@dataclass(frozen=True)
class VLDDOptions(PathOptions):
    """Of ``vldd``, which may learn soft targets as well."""

    targets: Literal["none", "learned"] = option(
        "none", help="'learned': how much each image matches the texts of other pairs is learned too, as in LoRS"
    )
    target_rank: int = option(
        10, minimum=0, help="rank of learned targets beside their diagonal; 0: a weight for each pair"
    )
    target_rate: float | None = option(None, minimum=0, help="outer learning rate of soft targets" + _AUTO)
    inner_temperature: float | None = option(
        None,
        above=0,
        help="of the student's steps within a segment; none: the student's own. The paper's code has 0.376 there",
    )


@dataclass(frozen=True)
class SoftOptions(PathOptions):
    """Of ``lors`` and ``repblend``."""

    loss: Literal["info-nce", "wbce"] | None = option(
        None, help="of the student within a segment; none: info-nce, wbce under preset=paper"
    )
    target_rank: int | None = option(None, minimum=0, help=_RANK)
    target_rate: float | None = option(None, minimum=0, help="outer learning rate of soft targets" + _AUTO)


@dataclass(frozen=True)
class PhaseOptions(SoftOptions):
    """Of ``ptm-st``."""

    phases: int | None = option(
        None,
        minimum=1,
        maximum=8,
        help="parts of the pairs, learned one after the other; none: 1 up to 150 pairs, else 2",
    )
    ema: float = option(
        0.99, minimum=0, below=1, help="decay of the average of the learned pairs; 0: their last values"
    )


@dataclass(frozen=True)
class PresetOptions(LearnOptions):
    """Of a minimiser with released settings; ``none`` is resolved by :func:`vlbench_trajectory.settings.of_loss`."""

    preset: Literal["default", "paper"] = option("default", help=_PRESET)
    outer_steps: int | None = option(None, minimum=1, help="updates of the learned pairs; none: 200, or the published")
    item_rate: float | None = option(
        None, minimum=0, help="outer learning rate of pixels; none: 0.1 at unit RMS, or the published"
    )
    vector_rate: float | None = option(
        None, minimum=0, help="outer learning rate of text vectors; none: 0.1 at unit RMS, or the published"
    )


@dataclass(frozen=True)
class MDMOptions(PresetOptions):
    """Of ``mdm``."""

    batch: int = option(256, minimum=2, help="real pairs in a step")
    alpha: float = option(0.5, above=0, maximum=1, help="how far from a fresh student to the mixed experts")
    sigma: float = option(0.5, above=0, help="width of the kernel, in radians")
    weight: float = option(0.8, minimum=0, help="of either kernel energy beside InfoNCE")
    experts: int | None = option(
        None, minimum=2, help="students trained on all data, two of which are mixed; none: 8, or the published 20"
    )


@dataclass(frozen=True)
class CovarianceOptions(PresetOptions):
    """Of ``covariance``."""

    rho: float | None = option(
        None, above=0, help="scale of the data's cross-covariance; none: 2 up to 100 pairs, else 1"
    )
    means: float | None = option(None, minimum=0, help="weight of the means; none: 0.1 up to 200 pairs, else 0.5")


@dataclass(frozen=True)
class LinearGradientOptions(PresetOptions):
    """Of ``linear-gradient``."""

    batch: int = option(500, minimum=2, help="real pairs whose gradient is matched")


@dataclass(frozen=True)
class RidgeOptions(StepOptions):
    """Of ``ridge-meta``, which learns text vectors alone unless told otherwise."""

    learn: str = option("text", help="'both', or the one side that is learned; with images it overfits")
    outer_steps: int = option(330, minimum=1, help="updates of the learned pairs")
    vector_rate: float = option(0.065, minimum=0, help="outer learning rate of text vectors, at unit RMS")
    batch: int = option(500, minimum=2, help="real pairs in an update")
    ridge: float = option(0.91, above=0, help="ridge penalty, in units of the kernel's mean diagonal")


@dataclass(frozen=True)
class ProjectorOptions(StepOptions):
    """Of ``projector``."""

    outer_steps: int = option(380, minimum=1, help="updates of the learned pairs")
    item_rate: float = option(0.47, minimum=0, help="outer learning rate of pixels, at unit RMS")
    vector_rate: float = option(0.063, minimum=0, help="outer learning rate of text vectors, at unit RMS")
    ridge: float = option(1.85, above=0, help="ridge penalty, in units of the features' mean variance")


@dataclass(frozen=True)
class NoiseOptions:
    """Of ``noise``."""

    storage: Literal["float32", "float16", "uint8"] = option("float32", help="how text vectors are stored")

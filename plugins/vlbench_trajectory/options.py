"""Options of ``vldd``. Light: importing them imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vlbench import option

_AUTO = "; none: from what is trained, the budget and the data"


@dataclass(frozen=True)
class VLDDOptions:
    """What can be chosen; ``none`` is resolved by :func:`vlbench_trajectory.settings.resolve`."""

    learn: str = option("both", help="'both', or the one side that is learned, as in image or text")
    captions: Literal["mean", "one"] = option(
        "mean", help="text vectors start from the mean of an image's captions, or from one caption"
    )
    noise: tuple[str, ...] = option((), help="sides that start from noise instead of real pairs, as in image,text")
    pixels: Literal["frequency", "free"] = option(
        "frequency", help="pixels are learned as frequency-weighted coefficients, or freely"
    )
    stay: float = option(
        0.0, help="pull of learned pixels back to the real ones; 1 to 3 for students of other encoders"
    )
    storage: Literal["float32", "float16", "uint8"] = option(
        "float32", help="how text vectors, and pixels that are not 8 bit, are stored and trained against"
    )
    targets: Literal["none", "learned"] = option(
        "none", help="'learned': how much each image matches the texts of other pairs is learned too, as in LoRS"
    )
    target_rank: int = option(10, help="rank of learned targets beside their diagonal; 0: a weight for each pair")
    preset: Literal["default", "paper"] = option(
        "default", help="settings that are not given: ours, or those published"
    )
    warm_start: bool = option(True, help="match heads alone first where an encoder is trained")
    experts: int | None = option(None, help="students trained on all data whose paths are matched" + _AUTO)
    expert_steps: int | None = option(None, help="SGD steps of an expert" + _AUTO)
    expert_rate: float | None = option(None, help="constant learning rate of experts" + _AUTO)
    expert_batch: int | None = option(None, help="pairs in an expert's batch" + _AUTO)
    interval: int | None = option(None, help="expert steps between two snapshots" + _AUTO)
    start_range: int | None = option(None, help="segments start at a snapshot from 0 to this one at most" + _AUTO)
    span: int | None = option(None, help="snapshots from a segment's start to its target" + _AUTO)
    inner_steps: int | None = option(None, help="student steps within a segment" + _AUTO)
    inner_batch: int | None = option(None, help="pairs in a student's step, 0 for the whole set" + _AUTO)
    outer_steps: int | None = option(None, help="updates of the learned pairs" + _AUTO)
    averaged: int | None = option(None, help="segments, of different experts, averaged in an update" + _AUTO)
    share: float | None = option(None, help="share of items that is run through a frozen encoder in an update" + _AUTO)
    inner_temperature: float | None = option(
        None, help="of the student's steps within a segment; none: the student's own. The paper's code has 0.376 there"
    )
    expert_augment: Literal["none", "randaugment"] = option(
        "none", help="experts of a trained encoder see images cropped, flipped and changed, as in the paper's code"
    )
    item_rate: float | None = option(None, help="outer learning rate of pixels, at unit RMS" + _AUTO)
    vector_rate: float | None = option(None, help="outer learning rate of text vectors, at unit RMS" + _AUTO)
    target_rate: float | None = option(None, help="outer learning rate of soft targets" + _AUTO)
    step_rate: float | None = option(None, help="outer learning rate of the inner step sizes, in log space" + _AUTO)

"""Options of ``vldd``. Light: importing them imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vlbench import option
from vlbench.matching import LearnOptions

_AUTO = "; none: from what is trained, the budget and the data"


@dataclass(frozen=True)
class VLDDOptions(LearnOptions):
    """What can be chosen; ``none`` is resolved by :func:`vlbench_trajectory.settings.resolve`."""

    targets: Literal["none", "learned"] = option(
        "none", help="'learned': how much each image matches the texts of other pairs is learned too, as in LoRS"
    )
    target_rank: int = option(
        10, minimum=0, help="rank of learned targets beside their diagonal; 0: a weight for each pair"
    )
    preset: Literal["default", "paper"] = option(
        "default", help="settings that are not given: ours, or those published"
    )
    warm_start: bool = option(True, help="match heads alone first where an encoder is trained")
    experts: int | None = option(None, minimum=1, help="students trained on all data whose paths are matched" + _AUTO)
    expert_steps: int | None = option(None, minimum=1, help="SGD steps of an expert" + _AUTO)
    expert_rate: float | None = option(None, above=0, help="constant learning rate of experts" + _AUTO)
    expert_batch: int | None = option(None, minimum=2, help="pairs in an expert's batch" + _AUTO)
    interval: int | None = option(None, minimum=1, help="expert steps between two snapshots" + _AUTO)
    start_range: int | None = option(
        None, minimum=0, help="segments start at a snapshot from 0 to this one at most" + _AUTO
    )
    span: int | None = option(None, minimum=1, help="snapshots from a segment's start to its target" + _AUTO)
    inner_steps: int | None = option(None, minimum=1, help="student steps within a segment" + _AUTO)
    inner_batch: int | None = option(None, minimum=0, help="pairs in a student's step, 0 for the whole set" + _AUTO)
    outer_steps: int | None = option(None, minimum=1, help="updates of the learned pairs" + _AUTO)
    averaged: int | None = option(None, minimum=1, help="segments, of different experts, averaged in an update" + _AUTO)
    share: float | None = option(
        None, above=0, maximum=1, help="share of items that is run through a frozen encoder in an update" + _AUTO
    )
    inner_temperature: float | None = option(
        None,
        above=0,
        help="of the student's steps within a segment; none: the student's own. The paper's code has 0.376 there",
    )
    expert_augment: Literal["none", "vldd"] = option(
        "none", help="experts of a trained encoder see images cropped, flipped and changed, as in the paper's code"
    )
    item_rate: float | None = option(None, minimum=0, help="outer learning rate of pixels, at unit RMS" + _AUTO)
    vector_rate: float | None = option(None, minimum=0, help="outer learning rate of text vectors, at unit RMS" + _AUTO)
    target_rate: float | None = option(None, minimum=0, help="outer learning rate of soft targets" + _AUTO)
    step_rate: float | None = option(
        None, minimum=0, help="outer learning rate of the inner step sizes, in log space" + _AUTO
    )

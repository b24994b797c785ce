"""The embedded dataset `clips`, scenes in motion with sound on three sides, and its small encoders."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import vlbench


@dataclass(frozen=True)
class ClipsOptions:
    """Which of the two sizes, and the seed it is made from."""

    size: Literal["full", "mini"] = vlbench.option(
        "full", help="full: 4,000 / 1,000 / 1,000 clips; mini: 160 / 40 / 100"
    )
    seed: int = vlbench.option(0, minimum=0, help="seed of the generator")


@vlbench.hookimpl
def vlbench_datasets() -> list[vlbench.DatasetSpec]:
    """Clips of a second: frames, sound, and five captions."""
    summary = "Coloured shapes that move and sound: 8 frames of 32 px, a second of sound, five captions a clip."
    return [vlbench.DatasetSpec("clips", "vlbench_clips.dataset:load", summary, ClipsOptions, pairs_per_item=5)]


@vlbench.hookimpl
def vlbench_encoders() -> list[vlbench.EncoderSpec]:
    """Small encoders with shipped weights, pretrained to name what other clips show or sound like."""
    made = (
        ("clips-video", "ClipsVideo", "video", "ConvNet on frames side by side, 256 features.", "videos"),
        ("clips-audio", "ClipsAudio", "audio", "ConvNet on log-mel spectrograms, 256 features.", "sounds"),
    )
    return [
        vlbench.EncoderSpec(
            name, f"vlbench_clips.encoders:{target}", side, text, suggest=f"vlbench_clips.suggest:{fits}"
        )
        for name, target, side, text, fits in made
    ]

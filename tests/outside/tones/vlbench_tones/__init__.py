"""A dataset whose first side is sound: short synthetic recordings as spectrograms, captions, and a tower for them."""

from __future__ import annotations

from dataclasses import dataclass

import vlbench


@dataclass(frozen=True)
class TonesOptions:
    """How many recordings, and the seed they are made from."""

    train: int = vlbench.option(400, minimum=50, help="recordings in train; val and test have a fifth of it each")
    seed: int = vlbench.option(0, minimum=0, help="seed of the generator")


@vlbench.hookimpl
def vlbench_datasets() -> list[vlbench.DatasetSpec]:
    """Recordings of two sounds in a row, with two captions each."""
    summary = "Synthetic recordings of two sounds as spectrograms, two captions each."
    return [vlbench.DatasetSpec("tones", "vlbench_tones.recordings:load", summary, TonesOptions, pairs_per_item=2)]


@vlbench.hookimpl
def vlbench_encoders() -> list[vlbench.EncoderSpec]:
    """One frozen encoder of spectrograms."""
    summary = "Random smooth features of a spectrogram's coarse grid, 256."
    return [vlbench.EncoderSpec("tones-audio", "vlbench_tones.encoder:TonesEncoder", "audio", summary)]


@vlbench.hookimpl
def vlbench_suites() -> list[vlbench.SuiteSpec]:
    """Heads on that encoder and on hashed words."""
    return [
        vlbench.SuiteSpec("tones", "vlbench_tones:tones.toml", "Synthetic sounds and captions; whole runs in seconds.")
    ]

"""Video, sound and speech of files: DiDeMo, AudioCaps, Clotho, Tux Paint's stamps, and encoders for their sides."""

from __future__ import annotations

import vlbench
from vlbench_media.options import (
    DidemoOptions,
    FolderOptions,
    MediaOptions,
    PooledTimmOptions,
    StampsOptions,
    TransformersOptions,
)


@vlbench.hookimpl
def vlbench_datasets() -> list[vlbench.DatasetSpec]:
    """Readers of public annotation files; you bring the media."""
    made = (
        ("didemo", DidemoOptions, "DiDeMo: videos, their sound, and joined descriptions or single moments."),
        ("audiocaps", MediaOptions, "AudioCaps: sounds of ten seconds; one caption in train, five in val and test."),
        ("clotho", MediaOptions, "Clotho: sounds of 15 to 30 seconds, five captions each."),
    )
    published = [
        vlbench.DatasetSpec(
            name,
            f"vlbench_media.dataset:{name}",
            summary,
            options,
            files=f"vlbench_media.dataset:{name}_files",
            mock=f"vlbench_media.mock:make_{name}",
            recognise=f"vlbench_media.recognise:{name}",
        )
        for name, options, summary in made
    ]
    stamps = "Tux Paint's stamps, where Debian's package is installed: pictures, captions, speech."
    target, files = "vlbench_media.stamps:load", "vlbench_media.stamps:files"
    own = vlbench.DatasetSpec(
        "media",
        "vlbench_media.dataset:media",
        "Your videos or sounds: a text beside each, or a CSV or JSONL of file names and captions.",
        FolderOptions,
        files="vlbench_media.dataset:media_files",
        recognise="vlbench_media.recognise:media",
    )
    return [*published, own, vlbench.DatasetSpec("stamps", target, stamps, StampsOptions, files=files)]


@vlbench.hookimpl
def vlbench_encoders() -> list[vlbench.EncoderSpec]:
    """Of frames and of sound."""
    suggested = {"frames-timm": "vlbench_media.suggest:frames", "mel-timm": "vlbench_media.suggest:sounds"}
    timm, models = vlbench.encoders.TimmOptions, TransformersOptions
    made = (
        (
            "frames-timm",
            "encoders:FramesTimm",
            "video",
            "Any timm model on every frame, pooled over time.",
            PooledTimmOptions,
        ),
        ("mel-timm", "encoders:MelTimm", "audio", "Any timm model on log-mel spectrograms.", timm),
        (
            "hf-audio",
            "transformer:Transformers",
            "audio",
            "Any audio model of transformers, on waveforms or log-mel.",
            models,
        ),
        ("hf-video", "transformer:Transformers", "video", "Any video model of transformers.", models),
    )
    return [
        vlbench.EncoderSpec(name, f"vlbench_media.{target}", side, summary, options, suggest=suggested.get(name, ""))
        for name, target, side, summary, options in made
    ]

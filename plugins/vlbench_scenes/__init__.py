"""The embedded procedural data set `scenes` and its small encoders."""

from __future__ import annotations

import vlbench
from vlbench_scenes.options import ScenesOptions


@vlbench.hookimpl
def vlbench_datasets() -> list[vlbench.DatasetSpec]:
    """Images of a few coloured shapes with five captions each, made from a seed."""
    summary = "Procedural scenes of 2 to 4 objects, 32 px, five captions an image."
    return [vlbench.DatasetSpec("scenes", "vlbench_scenes.dataset:load", summary, ScenesOptions)]


@vlbench.hookimpl
def vlbench_encoders() -> list[vlbench.EncoderSpec]:
    """Small encoders with shipped weights, pretrained to name single objects, and hashed words."""
    made = (
        ("scenes-convnet", "ScenesConvNet", "image", "ConvNet of 21 k parameters, 512 features."),
        ("scenes-convnet-b", "ScenesConvNetB", "image", "The same ConvNet from another pretraining seed."),
        ("scenes-vit", "ScenesViT", "image", "timm VisionTransformer of 0.15 M parameters, 1,024 features."),
        ("scenes-text", "ScenesHashedText", "text", "Hashed words and word pairs, randomly projected to 256."),
    )
    return [
        vlbench.EncoderSpec(name, f"vlbench_scenes.encoders:{target}", side, text) for name, target, side, text in made
    ]

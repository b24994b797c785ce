"""The embedded procedural dataset `scenes` and its small encoders."""

from __future__ import annotations

import vlbench
from vlbench_scenes.options import ScenesOptions


@vlbench.hookimpl
def vlbench_datasets() -> list[vlbench.DatasetSpec]:
    """Images of a few coloured shapes with five captions each, made from a seed."""
    summary = "Procedural scenes of 2 to 4 objects, 32 px, five captions an image."
    return [vlbench.DatasetSpec("scenes", "vlbench_scenes.dataset:load", summary, ScenesOptions, pairs_per_item=5)]


@vlbench.hookimpl
def vlbench_encoders() -> list[vlbench.EncoderSpec]:
    """Small encoders with shipped weights, pretrained to name single objects, and hashed words."""
    made = (
        ("scenes-convnet", "ScenesConvNet", "image", "ConvNet of 21 k parameters, 512 features."),
        ("scenes-convnet-b", "ScenesConvNetB", "image", "The same ConvNet from another pretraining seed."),
        ("scenes-vit", "ScenesViT", "image", "timm VisionTransformer of 0.15 M parameters, 1,024 features."),
        ("scenes-text", "ScenesHashedText", "text", "Hashed words and word pairs, randomly projected to 256."),
    )
    suggested = {"scenes-convnet": "vlbench_scenes.suggest:images", "scenes-text": "vlbench_scenes.suggest:texts"}
    return [
        vlbench.EncoderSpec(name, f"vlbench_scenes.encoders:{target}", side, text, suggest=suggested.get(name, ""))
        for name, target, side, text in made
    ]


@vlbench.hookimpl
def vlbench_students() -> list[vlbench.StudentSpec]:
    """Two trained heads on frozen encoders: one student for each image encoder."""
    head = {"kind": "linear", "width": 256, "start": "identity"}
    text = {"encoder": "scenes-text", "train": "frozen", "standardise": "global", "head": head}
    made = (
        ("convnet", "scenes-convnet", "global"),
        ("convnet-b", "scenes-convnet-b", "global"),
        ("vit", "scenes-vit", "element"),
    )
    return [
        vlbench.StudentSpec(
            name=name,
            towers={"image": _image_tower(encoder, standardise), "text": text},
            summary=f"Two trained heads on the frozen encoders {encoder} and scenes-text.",
        )
        for name, encoder, standardise in made
    ]


def _image_tower(encoder: str, standardise: str) -> dict[str, object]:
    head = {"kind": "linear", "width": 256, "start": "normal", "gain": 0.3}
    return {"encoder": encoder, "train": "frozen", "standardise": standardise, "head": head}

"""The suites that ship: TOML files, data only."""

from __future__ import annotations

import vlbench

_SUMMARIES = {
    "scenes": "Default: procedural scenes, both encoders frozen, two trained heads (RepBlend's setting).",
    "scenes-encoder": "The same data; the ConvNet is trained too (VLDD's own setting).",
    "scenes-vit": "The same data; LoRA adapters on a ViT, and two heads (VLDD's LoRA setting).",
    "scenes-mini": "Some hundred scenes: whole runs in seconds, for tests and tutorials.",
    "flickr8k-vldd": "VLDD's protocol on Flickr8k; you bring the files: vlbench prepare.",
    "flickr30k-vldd": "VLDD's protocol on Flickr30k: NFNet-L0 trained, BERT frozen.",
    "flickr30k-vldd-clip": "The same with the text encoder of CLIP.",
    "flickr30k-vldd-vit-lora": "The same with LoRA adapters on a ViT-B/16.",
    "flickr30k-heads": "Flickr30k with both encoders frozen: RepBlend's setting.",
    "coco-vldd": "VLDD's protocol on COCO, 5,000 test images.",
}


@vlbench.hookimpl
def vlbench_suites() -> list[vlbench.SuiteSpec]:
    """One suite per TOML file of this package."""
    return [vlbench.SuiteSpec(name, f"vlbench_suites:{name}.toml", summary) for name, summary in _SUMMARIES.items()]

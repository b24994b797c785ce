"""The suites that ship: TOML files, data only."""

from __future__ import annotations

import vlbench

_SUMMARIES = {
    "scenes": "Default: procedural scenes, both encoders frozen, two trained heads (RepBlend's setting).",
    "scenes-encoder": "The same data; the ConvNet is trained too (VLDD's own setting).",
    "scenes-vit": "The same data; LoRA adapters on a ViT, and two heads (VLDD's LoRA setting).",
    "scenes-mini": "Some hundred scenes: whole runs in seconds, for tests and tutorials.",
    "clips-video-text": "Procedural clips in motion: frames and captions, both encoders frozen.",
    "clips-audio-video": "The same clips: sound and frames.",
    "clips-text-audio": "The same clips: sound and captions.",
    "clips-mini": "Some hundred clips, frames and captions: whole runs in seconds.",
    "flickr8k-vldd": "VLDD's protocol on Flickr8k; you bring the files: vlbench prepare.",
    "flickr30k-vldd": "VLDD's protocol on Flickr30k: NFNet-L0 trained, BERT frozen.",
    "flickr30k-vldd-clip": "The same with the text encoder of CLIP.",
    "flickr30k-vldd-vit-lora": "The same with LoRA adapters on a ViT-B/16.",
    "flickr30k-heads": "Flickr30k with both encoders frozen: RepBlend's setting.",
    "didemo-video-text": "DiDeMo: videos and joined descriptions; you bring the files: vlbench prepare.",
    "didemo-audio-video": "DiDeMo: the sound of a video and its frames.",
    "didemo-text-audio": "DiDeMo: sound and joined descriptions.",
    "audiocaps": "AudioCaps: sounds and captions; you bring the files.",
    "clotho": "Clotho: sounds and captions; you bring the files.",
    "stamps-image-text": "Tux Paint's stamps, where Debian's package is installed: small.",
    "stamps-text-speech": "The same: captions and a voice that reads them, in French.",
    "stamps-image-speech": "The same: pictures and the voice.",
    "coco-vldd": "VLDD's protocol on COCO, 5,000 test images.",
}


@vlbench.hookimpl
def vlbench_suites() -> list[vlbench.SuiteSpec]:
    """One suite per TOML file of this package."""
    return [vlbench.SuiteSpec(name, f"vlbench_suites:{name}.toml", summary) for name, summary in _SUMMARIES.items()]

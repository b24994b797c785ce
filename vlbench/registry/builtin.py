"""What the core itself brings, declared through the same hooks as everyone's."""

from __future__ import annotations

from vlbench.registry.hookspecs import hookimpl
from vlbench.registry.specs import EncoderSpec
from vlbench.towers.options import SentenceTransformerOptions, TimmOptions


@hookimpl
def vlbench_encoders() -> list[EncoderSpec]:
    """Encoders of the two model libraries that vlbench depends on."""
    return [
        EncoderSpec(
            name="timm",
            target="vlbench.towers.timm_encoder:TimmEncoder",
            side="image",
            summary="Any timm image model, pretrained, from a local file or at random.",
            options=TimmOptions,
        ),
        EncoderSpec(
            name="sentence-transformers",
            target="vlbench.towers.text_encoder:SentenceTransformerEncoder",
            side="text",
            summary="Any sentence-transformers model, by name or folder.",
            options=SentenceTransformerOptions,
        ),
    ]

"""Encoders of frames and of sound for ``vlbench init``: timm models that are in the cache, or would be fetched."""

from __future__ import annotations

from dataclasses import replace

from vlbench.data import Suggestion
from vlbench.encoders import timm_models


def frames(model: str) -> list[Suggestion]:
    """On every frame, of the size that the model was trained with."""
    return timm_models(model)


def sounds(model: str) -> list[Suggestion]:
    """On log-mel spectrograms, whose size the sound gives."""
    return [replace(one, size=0) for one in timm_models(model)]

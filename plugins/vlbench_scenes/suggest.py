"""What ``vlbench init`` takes where no pretrained model is at hand: encoders that are a part of this package."""

from __future__ import annotations

from vlbench.data import Suggestion

RANK = 10
"""Below every pretrained model: the image encoder has seen drawn shapes only, and the text encoder is not trained."""


def images(_model: str) -> list[Suggestion]:
    """The ConvNet of 21 k parameters, for pictures of 32 pixels."""
    return [Suggestion({}, there=True, rank=RANK, size=32, standardise="global")]


def texts(_model: str) -> list[Suggestion]:
    """Hashed words."""
    return [Suggestion({}, there=True, rank=RANK, standardise="global")]

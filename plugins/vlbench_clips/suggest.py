"""What ``vlbench init`` takes for videos and sounds where no pretrained model is at hand: the encoders of this set."""

from __future__ import annotations

from vlbench.data import Suggestion

RANK = 10
"""Below every pretrained model: they have seen drawn shapes and heard made tones only."""


def videos(_model: str) -> list[Suggestion]:
    """Eight frames of 32 pixels."""
    return [Suggestion({}, there=True, rank=RANK, size=32, standardise="global")]


def sounds(_model: str) -> list[Suggestion]:
    """Log-mel levels of any length."""
    return [Suggestion({}, there=True, rank=RANK, standardise="global")]

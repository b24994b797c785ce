"""What a page lets one listen to: the first sounds of an artifact, short and few."""

from __future__ import annotations

import base64
import io
import wave
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vlbench.artifacts.artifact import ITEMS, Artifact, DistilledPairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vlbench.data.pairs import Split
    from vlbench.evaluation.evaluate import Evaluator

MOST, SECONDS, LARGEST = 4, 2, 96_000
"""Sounds of a run; seconds of one; bytes of one, above which it is left out."""
ROUNDING = 64
"""Of 32,768: how far samples may be from those made again."""


def heard(artifact: Artifact, train: Split, evaluator: Evaluator) -> list[str]:
    """WAV files of the first pairs' sounds in base64, each cut to :data:`SECONDS`; none where no side is heard.

    What a sound is, its encoder says: the first side whose encoder makes WAV files of its items.
    """
    for side in evaluator.student.sides:
        encoder = evaluator.student.towers[side].encoder
        made = [encoder.file_of(item) for item in islice(_items(artifact, train, side), MOST)]
        files = [_cut(file[1]) for file in made if file is not None and file[0] == "wav"]
        if files:
            return [base64.b64encode(file).decode() for file in files if len(file) <= LARGEST]
    return []


def same_sounds(said: object, found: Sequence[str]) -> bool:
    """Whether sounds that a run says it has are those that its artifact makes, but for another machine's rounding."""
    if not isinstance(said, list) or len(said) != len(found):
        return False
    try:
        pairs = [(_samples(one), _samples(other)) for one, other in zip(said, found, strict=True)]
    except (ValueError, TypeError, EOFError, wave.Error):
        return False
    return all(one.shape == other.shape and bool((abs(one - other) <= ROUNDING).all()) for one, other in pairs)


def _samples(text: str) -> NDArray[np.int64]:
    with wave.open(io.BytesIO(base64.b64decode(text, validate=True))) as file:
        return np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").astype(np.int64)


def _items(artifact: Artifact, train: Split, side: str) -> Tensor | list[Tensor]:
    items = train.items[side]
    if not isinstance(items, Tensor):
        return []
    if isinstance(artifact, DistilledPairs):
        return artifact.values(side)[:MOST] if artifact.spaces[side] == ITEMS else []
    return items[train.pairs[artifact.indices[:MOST], list(train.items).index(side)]]


def _cut(content: bytes) -> bytes:
    """The first seconds of a WAV file."""
    buffer = io.BytesIO()
    with wave.open(io.BytesIO(content)) as whole, wave.open(buffer, "wb") as part:
        part.setparams(whole.getparams())
        part.writeframes(whole.readframes(SECONDS * whole.getframerate()))
    return buffer.getvalue()

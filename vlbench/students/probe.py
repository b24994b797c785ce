"""Every encoder answers for a few items when it is made, so that a misfit is named before a method runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vlbench.errors import NotFiniteError, ProtocolError, VlbenchError
from vlbench.finite import weights_not_finite, which_not_finite

if TYPE_CHECKING:
    from vlbench.data.pairs import Items
    from vlbench.encoders.base import Encoder

PROBED = 4
"""Items of the batch."""
TOLERANCE = 1e-4
"""Largest change of a feature that batch mates may make, as a share of the largest feature."""


@dataclass(frozen=True)
class Probed:
    """Which encoder is tried on what.

    Attributes:
        place: where a suite says so, as ``students.small.image``.
        name: of the encoder.
        encoder: itself.
        items: some of the train split.
        device: where it will live.
    """

    place: str
    name: str
    encoder: Encoder
    items: Items
    device: str

    def refuse(self, found: str) -> ProtocolError:
        """The error: what was found, and which option to change."""
        shape = list(self.items.shape[1:]) if isinstance(self.items, Tensor) else []
        advice = self.encoder.advice(shape) or f"change {self.place}.options, or take another encoder"
        return ProtocolError(f"{self.place}: encoder {self.name!r} {found}: {advice}.")


@torch.no_grad()
def probe(probed: Probed) -> None:
    """Try an encoder on one batch.

    Raises:
        ProtocolError: it cannot take the items, its features have another form than declared, differ the second time,
            or depend on the other items of the batch.
        NotFiniteError: one of its weights is not finite.
    """
    encoder = probed.encoder
    if bad := weights_not_finite(encoder.module):
        raise NotFiniteError(
            f"{probed.place}: encoder {probed.name!r} has weights that are not finite: {bad}. "
            f"Give other weights in {probed.place}.options."
        )
    encoder.module.eval().to(probed.device)
    inputs, features = _features(probed)
    _check_form(probed, features, len(probed.items))
    if which_not_finite(features):
        return  # the items may be the reason: who computes all features names them
    largest = float(features.abs().max()) or 1.0
    again = encoder.module(inputs)
    if not float((again - features).abs().max()) <= TOLERANCE * largest:
        raise probed.refuse("gives other features when it is asked a second time")
    alone = encoder.module(inputs[:1])
    difference = float((alone - features[:1]).abs().max())
    if not difference <= TOLERANCE * largest:
        raise probed.refuse(
            f"makes an item's features depend on the other items of its batch (by {difference:.2g} of {largest:.2g})"
        )


def _features(probed: Probed) -> tuple[Tensor, Tensor]:
    try:
        inputs = probed.encoder.inputs(probed.items).to(probed.device)
        return inputs, probed.encoder.module(inputs)
    except VlbenchError:
        raise
    except Exception as error:  # whatever a model says of an input that it does not know
        text = " ".join(str(error).split())[:200].rstrip(".")
        form = f" of form {list(probed.items.shape[1:])}" if isinstance(probed.items, Tensor) else ""
        raise probed.refuse(f"cannot take the data's items{form} ({type(error).__name__}: {text})") from error


def _check_form(probed: Probed, features: object, count: int) -> None:
    if not isinstance(features, Tensor):
        raise probed.refuse(f"gives a {type(features).__name__}, not a tensor")
    expected = [count, probed.encoder.width]
    if list(features.shape) != expected:
        raise probed.refuse(f"gives features of shape {list(features.shape)} for {count} items, not {expected}")
    if features.dtype != torch.float32:
        raise probed.refuse(f"gives features of {features.dtype}, not torch.float32")

"""What an encoder is: the part of a tower that turns items into features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vlbench.data.pairs import Items


class Encoder(ABC):
    """Items -> ``inputs`` -> ``module`` -> features.

    ``inputs`` is deterministic and not differentiable (decode, scale to [0, 1], tokenise); ``module`` is
    differentiable and holds the weights. Distilled pixels enter where ``inputs`` leaves off.

    Attributes:
        width: numbers per feature vector.
        module: inputs [item, ...] -> features [item, width]; what normalises pixels stands inside it.
        identity: a short text that names what is computed: name, settings and a hash of the weights. It is part of
            cache keys, and of the artifact where vectors of this encoder are learned.
    """

    width: int
    module: nn.Module
    identity: str

    @abstractmethod
    def inputs(self, items: Items) -> Tensor:
        """One batch of items -> model input [item, ...], float32.

        uint8 items are scaled to [0, 1] and floats passed on as they are, so that inputs which a method learned can be
        stored as items (:meth:`vlbench.TrainView.as_items`).
        """

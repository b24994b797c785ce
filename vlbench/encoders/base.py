"""What an encoder is: the part of a tower that turns items into features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
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
        inputs_on_device: whether ``inputs`` takes a tensor of items that lies on a GPU. Where it does, 8-bit items move
            there as they are, a quarter of the bytes.

    Examples:
        >>> import torch, vlbench
        >>> class Colour(vlbench.Encoder):  # the mean colour of a picture
        ...     width, identity = 3, "colour 1"
        ...     module = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
        ...     def inputs(self, items):  # uint8 [item, 3, height, width]
        ...         return items.float() / 255
        >>> encoder = Colour()
        >>> encoder.module(encoder.inputs(torch.zeros(2, 3, 8, 8, dtype=torch.uint8))).shape
        torch.Size([2, 3])
    """

    width: int
    module: nn.Module
    identity: str
    inputs_on_device: bool = False

    def advice(self, shape: Sequence[int]) -> str:
        """What to change in a suite where the encoder cannot take items of a shape, or gives features of another form.

        Args:
            shape: of one item; empty for texts.
        """
        del shape
        return ""

    def file_of(self, item: Tensor) -> tuple[str, bytes] | None:
        """An item as a file to look at or to listen to: its suffix and content; None where a picture says it all.

        Args:
            item: one of the side, in the form that ``inputs`` takes a batch of.
        """
        del item
        return None

    @abstractmethod
    def inputs(self, items: Items) -> Tensor:
        """One batch of items -> model input [item, ...], float32.

        uint8 items are scaled to [0, 1] and floats passed on as they are, so that inputs which a method learned can be
        stored as items (:meth:`vlbench.TrainView.as_items`).
        """

"""Some parameters of a module as one flat vector."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class FlatParameters:
    """A branch: the named parameters of a module, in order, as one vector.

    Args:
        module: where the parameters live; it is never written to.
        names: which of them, in the order in which they are laid out.
    """

    def __init__(self, module: nn.Module, names: Sequence[str]) -> None:
        parameters = dict(module.named_parameters())
        self.names = tuple(names)
        self.shapes = tuple(parameters[name].shape for name in names)
        self._sizes = [shape.numel() for shape in self.shapes]
        self.size = sum(self._sizes)

    def gather(self, module: nn.Module) -> Tensor:
        """The module's present values [parameter], a copy without graph."""
        parameters = dict(module.named_parameters())
        return torch.cat([parameters[name].detach().reshape(-1) for name in self.names]).clone()

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """Views of a flat vector [parameter] under the parameters' names and shapes."""
        pieces = flat.split(self._sizes)
        return {name: piece.view(shape) for name, piece, shape in zip(self.names, pieces, self.shapes, strict=True)}

"""Soft targets: how much the items of distilled pairs match across the pairs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vlbench.errors import ArtifactError
from vlbench.transfer import on_device

PARTS = ("diagonal", "left", "right")
_DTYPES = (torch.float32, torch.float16)


@dataclass(frozen=True)
class Targets:
    """How much item i of the first side matches item j of the second, from 0 to 1: diag(diagonal) + left right^T.

    What lies outside of 0 to 1 counts as 0 or 1. Without targets an item matches that of its own pair alone. The form
    is that of LoRS (ICML 2024), with its factor on the product within ``left`` or ``right``.

    Attributes:
        diagonal: floating [pair].
        left: floating [pair, rank] of the first side; rank 0 leaves the diagonal, a weight for each pair.
        right: floating [pair, rank] of the second side.

    Examples:
        >>> import torch, vlbench
        >>> near = torch.tensor([[1.0], [1.0], [0.0]])  # the first two pairs are of one kind
        >>> soft = vlbench.artifacts.Targets(torch.full((3,), 0.5), left=near / 2, right=near)
        >>> soft.matrix(torch.tensor([0, 1]))
        tensor([[1.0000, 0.5000],
                [0.5000, 1.0000]])
    """

    diagonal: Tensor
    left: Tensor
    right: Tensor

    @property
    def rank(self) -> int:
        """Columns of ``left`` and ``right``."""
        return self.left.shape[1]

    @property
    def tensors(self) -> dict[str, Tensor]:
        """Its parts by name."""
        return {part: getattr(self, part) for part in PARTS}

    def to(self, device: str) -> Targets:
        """The same on a device."""
        return Targets(*(tensor.to(device) for tensor in self.tensors.values()))

    def matrix(self, at: Tensor) -> Tensor:
        """Targets float32 [n, n] of the pairs at positions ``at`` [n], first side by second; differentiable."""
        at = on_device(at, self.diagonal.device)
        half = self.diagonal.dtype == torch.float16
        chosen = (part.index_select(0, at) for part in self.tensors.values())
        diagonal, left, right = (part.float() if half else part for part in chosen)
        matrix = left @ right.T
        if not (matrix.requires_grad or diagonal.requires_grad):
            matrix.diagonal().add_(diagonal)
            return matrix.clamp_(0, 1)
        matrix = matrix + torch.diag_embed(diagonal)
        # At 0 and 1 themselves, where learning starts, the gradient passes; that of clamp does not in every version.
        return torch.where(matrix < 0, 0, torch.where(matrix > 1, 1, matrix))


def check_targets(targets: object, pairs: int) -> None:
    """Refuse targets that do not fit so many pairs.

    Raises:
        ArtifactError: wrong type or shape, a rank beyond the number of pairs, or not finite.
    """
    if not isinstance(targets, Targets):
        raise ArtifactError(f"targets are {type(targets).__name__}, expected vlbench.artifacts.Targets.")
    rank = targets.left.shape[-1] if targets.left.ndim else 0
    shapes = {"diagonal": (pairs,), "left": (pairs, rank), "right": (pairs, rank)}
    for part, tensor in targets.tensors.items():
        if tensor.shape != shapes[part] or tensor.dtype not in _DTYPES or tensor.dtype != targets.diagonal.dtype:
            raise ArtifactError(
                f"targets: {part} is {tensor.dtype} {list(tensor.shape)}, expected {list(shapes[part])} of float32, or "
                "of float16 in all parts."
            )
        if not bool(tensor.isfinite().all()):
            raise ArtifactError(f"targets: {part} holds a number that is not finite.")
    if rank > pairs:
        raise ArtifactError(f"targets have rank {rank}. {pairs} pairs need no more than {pairs}.")

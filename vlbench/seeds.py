"""One seed tree per run: every random draw comes from a named stream of it.

A stream is addressed by (root, path, index); its seed is the first 63 bits of the SHA-256 of that text. Step k of a
loop draws from index k, so a resumed run equals an uninterrupted one, and no draw depends on what was drawn before it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class SeedTree:
    """A node of the tree; ``SeedTree(0)`` is the root that ``--seed 0`` gives.

    Examples:
        >>> import torch, vlbench
        >>> seeds = vlbench.SeedTree(0)  # a method finds its own as context.seeds
        >>> noise = torch.randn(3, generator=seeds.generator("noise", 7))  # what step 7 draws, whenever it is run
        >>> bool((noise == torch.randn(3, generator=seeds.generator("noise", 7))).all())
        True
    """

    root: int
    path: str = ""

    def child(self, name: str, index: int = 0) -> SeedTree:
        """The sub-tree of a part of the program, so that parts cannot disturb one another."""
        return SeedTree(self.root, f"{self.path}/{name}[{index}]")

    def integer(self, stream: str, index: int = 0) -> int:
        """A seed in [0, 2**63) for libraries that want a number."""
        text = f"{self.root}|{self.path}/{stream}|{index}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1

    def generator(self, stream: str, index: int = 0) -> torch.Generator:
        """A fresh CPU generator for draw number ``index`` of ``stream``."""
        import torch

        return torch.Generator().manual_seed(self.integer(stream, index))

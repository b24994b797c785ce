"""CLIP score: keep the pairs whose sides agree most."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

import vlbench
from vlbench_coresets.blocks import blocks


class ClipScore(vlbench.Selector):
    """The pairs with the highest cosine of image and caption, as web data is filtered (Hessel et al. 2021; LAION).

    CLIP stands for a two-tower student trained on the train split: the reference student after its warm-up.
    """

    def select(self, features: Tensor, size: int, generator: Generator) -> Tensor:
        """Positions int64 [size] out of features float32 [candidate, 2 * embedding], best first."""
        del generator  # nothing is drawn; the first of equals is taken
        halves = (part.chunk(2, dim=1) for part in blocks(features))
        return torch.cat([(one * two).sum(1) for one, two in halves]).argsort(descending=True, stable=True)[:size]

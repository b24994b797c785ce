"""Encoders of frames and of spectrograms: any timm model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import vlbench
from vlbench.encoders import TimmEncoder, TimmOptions
from vlbench.errors import DataError
from vlbench_media.options import PooledTimmOptions


class EachFrame(nn.Module):
    """Frames [item, time, 3, height, width] -> features [item, width]: a model on every frame, pooled over time."""

    def __init__(self, model: nn.Module, pooling: str) -> None:
        super().__init__()
        self.model, self.pooling = model, pooling

    def forward(self, frames: Tensor) -> Tensor:
        """Mean or maximum over time."""
        features: Tensor = self.model(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        return features.mean(1) if self.pooling == "mean" else features.amax(1)


class FramesTimm(TimmEncoder):
    """Any timm model on each of uint8 frames [item, time, 3, height, width]; features are pooled over time."""

    def __init__(self, options: PooledTimmOptions) -> None:
        super().__init__(options)
        self.module = EachFrame(self.module, options.pooling).eval()
        self.identity = f"frames {options.pooling} {self.identity}"

    def inputs(self, items: Any) -> Tensor:
        """Pixels in 0 to 1, float32 of the same shape.

        Raises:
            DataError: the items are no frames.
        """
        return _scaled(items, ndim=5, what="frames [item, time, 3, height, width]")


class InColour(nn.Module):
    """Spectrograms [item, band, frame] as pictures of three equal channels, for a model of pictures."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, levels: Tensor) -> Tensor:
        """Features [item, width]."""
        features: Tensor = self.model(levels[:, None].expand(-1, 3, -1, -1))
        return features


class MelTimm(TimmEncoder):
    """Any timm model on uint8 log-mel levels [item, band, frame]."""

    def __init__(self, options: TimmOptions) -> None:
        super().__init__(options)
        self.module = InColour(self.module).eval()
        self.identity = f"log-mel {self.identity}"

    def inputs(self, items: Any) -> Tensor:
        """Levels in 0 to 1, float32 of the same shape.

        Raises:
            DataError: the items are no spectrograms.
        """
        return _scaled(items, ndim=3, what="log-mel levels [item, band, frame]")

    def file_of(self, item: Tensor) -> tuple[str, bytes] | None:
        """A WAV file to listen to."""
        return "wav", vlbench.data.listen(item)


def _scaled(items: Any, *, ndim: int, what: str) -> Tensor:
    if not isinstance(items, Tensor) or items.ndim != ndim or items.dtype != torch.uint8:
        found = f"{items.dtype} {list(items.shape)}" if isinstance(items, Tensor) else type(items).__name__
        raise DataError(f"the encoder takes uint8 {what}, not {found}. Is it on the right side?")
    return items.float() / 255

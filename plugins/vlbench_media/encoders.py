"""Encoders of frames and of spectrograms: any timm model, and audio and video models of transformers."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

import vlbench
from vlbench.encoders import TimmEncoder, TimmOptions
from vlbench.errors import DataError, ProtocolError
from vlbench_media.options import PooledTimmOptions, TransformersOptions


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


class MeanOfStates(nn.Module):
    """A transformer's last hidden states, averaged: inputs [item, ...] -> features [item, width]."""

    def __init__(self, model: nn.Module, mean: float, std: float) -> None:
        super().__init__()
        self.model, self._mean, self._std = model, mean, std

    def forward(self, inputs: Tensor) -> Tensor:
        """Values are normalised first: a waveform to zero mean and unit deviation, as wav2vec2 was trained."""
        if inputs.ndim == 2:
            centred = inputs - inputs.mean(1, keepdim=True)
            values = centred / (centred.square().mean(1, keepdim=True) + 1e-7).sqrt()
        else:
            values = (inputs - self._mean) / self._std
        if (
            inputs.ndim == 3
        ):  # spectrograms [item, band, frame], high bands first -> [item, frame, band], low ones first
            values = values.flip(1).transpose(1, 2)
        states: Tensor = self.model(values).last_hidden_state
        return states.mean(1)


class Transformers(vlbench.Encoder):
    """An audio or video model of transformers: waveforms (wav2vec2), log-mel levels (AST) or frames (VideoMAE).

    A model of spectrograms must be made for this package's: 64 bands, and as many frames as the items have. One that
    was trained on another definition is refused by its shapes, not fed something else.

    Raises:
        ProtocolError: the model cannot be loaded.
    """

    inputs_on_device = True

    def __init__(self, options: TransformersOptions) -> None:
        from transformers import AutoModel

        try:
            with torch.random.fork_rng(devices=[]):
                model: Any = AutoModel.from_pretrained(options.name, attn_implementation="eager")
        except Exception as error:  # the library and the hub's client raise many unrelated classes
            text = " ".join(str(error).split())[:200]
            raise ProtocolError(
                f"model {options.name!r} cannot be loaded ({type(error).__name__}: {text}). Give a folder that "
                f"save_pretrained wrote, or the name of a model on the hub, which needs a network."
            ) from error
        self.width = int(model.config.hidden_size)
        self.module = MeanOfStates(model, options.mean, options.std).eval()
        digest = _digest(model)
        self.identity = f"transformers {type(model).__name__} {options.mean} {options.std} weights {digest}"

    def inputs(self, items: Any) -> Tensor:
        """8-bit values in 0 to 1, floats as they are; same shape.

        Raises:
            DataError: the items are no tensor.
        """
        if not isinstance(items, Tensor):
            raise DataError("the encoder takes sounds or frames, not texts. Is it on the right side?")
        return items.float() / 255 if items.dtype == torch.uint8 else items


def _digest(model: nn.Module) -> str:
    import hashlib

    state = hashlib.sha256()
    for name, values in sorted(model.state_dict().items()):
        state.update(f"{name} {list(values.shape)} ".encode())
        state.update(values.detach().contiguous().view(torch.uint8).numpy().tobytes() if values.ndim else b"")
    return state.hexdigest()[:32]

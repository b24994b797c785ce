"""The small encoders of `clips`: ConvNets on frames and on log-mel spectrograms, with shipped weights."""

from __future__ import annotations

import hashlib
from pathlib import Path

import torch
from jaxtyping import Float, UInt8
from safetensors.torch import load_file
from torch import Tensor, nn

import vlbench
from vlbench.errors import DataError

WEIGHTS = Path(__file__).parent / "weights"
WIDTH = 256


class SideBySide(nn.Module):
    """Values in 0 to 1 to about zero mean and unit deviation; frames become channels [n, time * 3, height, width].

    A convolution over channels then sees motion, at the cost of one picture.
    """

    def forward(self, values: Float[Tensor, "n ..."]) -> Float[Tensor, "n channel height width"]:
        """Of frames [n, time, 3, height, width], or spectrograms [n, band, frame]."""
        pictures = values.flatten(1, 2) if values.ndim == 5 else values[:, None]
        return (pictures - 0.45) / 0.25


class Pooled(nn.Module):
    """Mean and maximum over places, side by side."""

    def forward(self, maps: Float[Tensor, "n channel height width"]) -> Float[Tensor, "n features"]:
        """Of every channel."""
        return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)


def convnet(channels: int, *, bands: bool) -> nn.Sequential:
    """Frames or spectrograms in 0 to 1 to features [n, 256]. No batch statistics, and smooth but for the maxima.

    Args:
        channels: of the picture that it reads.
        bands: the first convolution is taller than wide, as harmonics are far apart.
    """

    def block(width: int, out: int, kernel: tuple[int, int], stride: int) -> list[nn.Module]:
        padding = (kernel[0] // 2, kernel[1] // 2)
        return [nn.Conv2d(width, out, kernel, stride=stride, padding=padding), nn.GroupNorm(8, out), nn.GELU()]

    return nn.Sequential(
        SideBySide(),
        *block(channels, 32, (9, 5) if bands else (5, 5), stride=2),
        nn.MaxPool2d(2),
        *block(32, 64, (7, 3) if bands else (3, 3), stride=1),
        nn.AvgPool2d(2),
        *block(64, 128, (3, 3), stride=1),
        Pooled(),
    )


class _Shipped(vlbench.Encoder):
    """A network of this package with its weights; `inputs` gives values in 0 to 1."""

    inputs_on_device = True
    width = WIDTH

    def __init__(self, name: str, module: nn.Module, shape: tuple[int | None, ...]) -> None:
        path = WEIGHTS / f"{name}.safetensors"
        module.load_state_dict(load_file(path), strict=True)
        self.module = module.eval()
        self.identity = f"{name}:{hashlib.sha256(path.read_bytes()).hexdigest()}"
        self._name, self._shape = name, shape

    def inputs(self, items: UInt8[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
        """Values as float32 in 0 to 1.

        Raises:
            DataError: items of another form.
        """
        if not isinstance(items, Tensor) or items.dtype != torch.uint8 or not self._fits(items):
            shape = str(list(self._shape)).replace("None", "any")
            found = f"{items.dtype} {list(items.shape)}" if isinstance(items, Tensor) else type(items).__name__
            raise DataError(f"encoder {self._name} takes uint8 items {shape}, not {found}.")
        return items.float() / 255

    def _fits(self, items: Tensor) -> bool:
        shape = items.shape[1:]
        return len(shape) == len(self._shape) and all(
            want in (None, have) for want, have in zip(self._shape, shape, strict=True)
        )


def fresh(side: str) -> nn.Sequential:
    """A network of a side with new weights, which leave the global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        return convnet(24, bands=False) if side == "video" else convnet(1, bands=True)


class ClipsVideo(_Shipped):
    """Reads uint8 frames [n, 8, 3, 32, 32]. It has no options."""

    def __init__(self, _options: object = None) -> None:
        super().__init__("clips-video", fresh("video"), (8, 3, 32, 32))


class ClipsAudio(_Shipped):
    """Reads uint8 log-mel spectrograms [n, 64, frame] of any length; trained on a second, 32 frames. No options."""

    def __init__(self, _options: object = None) -> None:
        super().__init__("clips-audio", fresh("audio"), (64, None))

    def file_of(self, item: Tensor) -> tuple[str, bytes] | None:
        """A WAV file to listen to."""
        return "wav", vlbench.data.listen(item)

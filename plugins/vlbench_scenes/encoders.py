"""The small encoders of `scenes`: two ConvNets and a ViT with shipped weights, and hashed words for the captions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn

from vlbench import Encoder
from vlbench.errors import DataError
from vlbench_scenes.hashing import HashedProjection

WEIGHTS = Path(__file__).parent / "weights"
_MEAN, _STD = 0.5, 0.22  # what the shipped weights were trained with: near the pixels' own, and never to change


class Normalise(nn.Module):
    """Pixels in [0, 1] to about zero mean and unit deviation; same shape."""

    def forward(self, pixels: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n 3 height width"]:
        """Shift and scale by the dataset's constants."""
        return (pixels - _MEAN) / _STD


def convnet(channels: int = 32, groups: int = 8) -> nn.Sequential:
    """Pixels [n, 3, 32, 32] in [0, 1] to features [n, 16 * channels]; the 4 x 4 grid is kept, as captions name places.

    The max pooling right after the stride-2 stem makes a second-order pass about twice as cheap as pooling late. All
    other parts are smooth, as matching needs Hessian-vector products, and there are no batch statistics.
    """

    def block(width: int, kernel: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(width, channels, kernel, stride=stride, padding=kernel // 2)
        return [convolution, nn.GroupNorm(groups, channels), nn.GELU()]

    return nn.Sequential(
        Normalise(),
        *block(3, kernel=5, stride=2),
        nn.MaxPool2d(2),
        *block(channels, kernel=3, stride=1),
        *block(channels, kernel=3, stride=1),
        nn.AvgPool2d(2),
        nn.Flatten(),
    )


class TokenViT(nn.Module):
    """Pixels [n, 3, 32, 32] in [0, 1] to the 16 normed tokens of a small timm `VisionTransformer`, flattened [n, 1024].

    Tokens are flattened and not averaged: with the average, places are lost and retrieval falls by half.
    """

    def __init__(self) -> None:
        super().__init__()
        from timm.models.vision_transformer import VisionTransformer  # slow to import, and only this encoder needs it

        self.normalise = Normalise()
        self.vit = VisionTransformer(
            img_size=32, patch_size=8, embed_dim=64, depth=4, num_heads=2, mlp_ratio=2,
            num_classes=0, class_token=False, global_pool="max", fc_norm=False,
        )  # fmt: skip
        for block in self.vit.blocks:
            block.attn.fused_attn = False  # the fused kernel has no second derivative

    def forward(self, pixels: Float[Tensor, "n 3 32 32"]) -> Float[Tensor, "n 1024"]:
        """All normed tokens of each image, side by side."""
        tokens: Tensor = self.vit.forward_features(self.normalise(pixels))
        return tokens.flatten(1)


class _ImageEncoder(Encoder):
    """An image network of this package with its shipped weights.

    `inputs` takes uint8 images and gives pixels in [0, 1]; `module` normalises them and gives features [n, width].
    """

    inputs_on_device = True

    def __init__(self, name: str, build: Callable[[], nn.Module], width: int) -> None:
        path = WEIGHTS / f"{name}.safetensors"
        with torch.random.fork_rng(devices=[]):  # new layers are filled from the global generator, which is not ours
            module = build()
        module.load_state_dict(load_file(path), strict=True)
        self.module = module.eval()
        self.width = width
        self.identity = f"{name}:{hashlib.sha256(path.read_bytes()).hexdigest()}"

    def inputs(self, items: UInt8[Tensor, "n 3 32 32"] | NDArray[np.uint8]) -> Float[Tensor, "n 3 32 32"]:
        """Pixels as float32 in [0, 1], from a uint8 tensor or array.

        Raises:
            DataError: anything but uint8 images of 3 x 32 x 32.
        """
        pixels = torch.as_tensor(items)
        if pixels.dtype != torch.uint8 or tuple(pixels.shape[1:]) != (3, 32, 32):
            found = f"{pixels.dtype} {list(pixels.shape)}"
            raise DataError(
                f"the encoders of scenes take uint8 images [n, 3, 32, 32], not {found}. Resize to 32 pixels."
            )
        return pixels.to(torch.float32) / 255


class ScenesConvNet(_ImageEncoder):
    """The reference image encoder: a ConvNet of 21 k parameters, 512 features. It has no options."""

    def __init__(self, _options: object = None) -> None:
        super().__init__("scenes-convnet", convnet, width=512)


class ScenesConvNetB(_ImageEncoder):
    """The same ConvNet from another pretraining seed: an encoder that no distilled set has seen. It has no options."""

    def __init__(self, _options: object = None) -> None:
        super().__init__("scenes-convnet-b", convnet, width=512)


class ScenesViT(_ImageEncoder):
    """A timm `VisionTransformer` of 0.15 M parameters, 1,024 features. It has no options."""

    def __init__(self, _options: object = None) -> None:
        super().__init__("scenes-vit", TokenViT, width=1024)


class ScenesHashedText(Encoder):
    """Captions as hashed words and pairs of words under a fixed random projection; nothing in it is trained.

    `inputs` gives the vectors themselves, float32 [n, 256], each with unit root mean square; `module` passes them on.
    It has no options.
    """

    def __init__(self, _options: object = None) -> None:
        self._projection = HashedProjection()
        self.module = nn.Identity().eval()
        self.width = self._projection.width
        self.identity = f"scenes-text:{self._projection.digest}"

    def inputs(self, items: Sequence[str]) -> Float[Tensor, "n 256"]:
        """Vectors of the captions, one row each.

        Raises:
            DataError: a caption without a word.
        """
        return torch.from_numpy(self._projection.transform(items))

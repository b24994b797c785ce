"""Any timm model as an image encoder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from vlbench.data.fingerprint import tensors_fingerprint
from vlbench.data.pairs import Items
from vlbench.encoders.base import Encoder
from vlbench.encoders.options import TimmOptions
from vlbench.errors import DataError, ProtocolError, UnknownNameError
from vlbench.registry.suggestions import closest

_BATCH = 64
_RANDOM_SEED = 0


class TimmEncoder(Encoder):
    """uint8 images [item, channel, height, width] -> pooled features of a timm model without its classifier.

    Random weights are the same in every process: all that is compared starts from the same encoder.

    Raises:
        UnknownNameError: timm has no model of that name.
        ProtocolError: arguments that the model does not take.
        DataError: weights that cannot be loaded, or belong to another model.

    Examples:
        >>> from vlbench.encoders import TimmEncoder, TimmOptions
        >>> TimmEncoder(TimmOptions("test_resnet")).width
        96
    """

    inputs_on_device = True

    def __init__(self, options: TimmOptions) -> None:
        model = _create(options)
        _load_weights(model, options)
        config = _pretrained_config(model)
        mean = tuple(options.mean) or tuple(config["mean"])
        std = tuple(options.std) or tuple(config["std"])
        _check_statistics(options.model, mean, std)
        # Some models widen features in their head, which stands without the classifier, too.
        self.width = int(getattr(model, "head_hidden_size", None) or model.num_features)  # type: ignore[arg-type]
        self.module = NormalisedModel(model, mean, std, channels_last=options.channels_last).eval()
        settings = {"arguments": options.arguments, "mean": mean, "std": std}
        weights = tensors_fingerprint(model.state_dict())
        self.identity = f"timm {options.model} {json.dumps(settings, sort_keys=True)} weights {weights}"
        self._options, self._size = options, list(config.get("input_size") or ())

    def advice(self, shape: Sequence[int]) -> str:
        """What to change where images of a shape do not fit the model, or its features are no vectors."""
        if "global_pool" in self._options.arguments:
            given = self._options.arguments["global_pool"]
            return f"leave out arguments.global_pool = {given!r} of the encoder, so that the model pools its features"
        wanted = " x ".join(map(str, self._size))
        if len(self._size) == 3 and len(shape) == 3 and list(shape) != self._size:
            fits = f"set size = {self._size[1]} in the options of the data"
            return f"timm model {self._options.model!r} was made for {wanted}; {fits}, or take another model"
        return ""

    def inputs(self, items: Items) -> Tensor:
        """Pixels scaled to [0, 1]: uint8 [item, channel, height, width] -> float32 of that shape.

        Raises:
            DataError: the items are no images.
        """
        if not isinstance(items, Tensor) or items.ndim != 4 or items.dtype != torch.uint8:
            raise DataError("an image encoder takes uint8 [item, channel, height, width]. Is it on the right side?")
        return items.float() / 255


class NormalisedModel(nn.Module):
    """Pixels in [0, 1] [item, channel, height, width] -> features [item, width]; the normalisation is part of it."""

    mean: Tensor
    std: Tensor

    def __init__(
        self, model: nn.Module, mean: tuple[float, ...], std: tuple[float, ...], *, channels_last: bool
    ) -> None:
        super().__init__()
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        self.model = model.to(memory_format=self._format) if channels_last else model
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1), persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Features [item, width]. Without a graph, in small batches: faster on a CPU, and bounded memory."""
        if self.training or torch.is_grad_enabled() or len(pixels) <= _BATCH:
            # Fused attention cannot be differentiated twice, which matching losses need.
            with sdpa_kernel(SDPBackend.MATH) if torch.is_grad_enabled() else nullcontext():
                return self._features(pixels)
        return torch.cat([self._features(part) for part in torch.split(pixels, _BATCH)])

    def _features(self, pixels: Tensor) -> Tensor:
        normalised = ((pixels - self.mean) / self.std).contiguous(memory_format=self._format)
        features: Tensor = self.model(normalised)
        return features


def _pretrained_config(model: nn.Module) -> dict[str, Any]:
    config: dict[str, Any] = model.pretrained_cfg  # type: ignore[assignment]  # timm's models have this attribute
    return config


def _create(options: TimmOptions) -> nn.Module:
    remote = options.model.startswith(("hf-hub:", "hf_hub:"))
    if not remote and not timm.is_model(options.model):
        close = closest(options.model, timm.list_models())
        raise UnknownNameError(
            f"no timm model called {options.model!r}."
            + (f" Did you mean {close!r}?" if close else "")
            + " Details: python -c 'import timm; print(timm.list_models())'"
        )
    pretrained = options.weights == "pretrained"
    arguments: dict[str, Any] = {"num_classes": 0, **options.arguments}
    # Layers are filled from the global generator; it is put back, and what it draws here is always the same.
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_RANDOM_SEED)
        try:
            model: nn.Module = timm.create_model(options.model, pretrained=pretrained, **arguments)
        except (TypeError, AssertionError) as error:
            raise ProtocolError(
                f"timm model {options.model!r} does not take these arguments: {options.arguments} ({error})."
            ) from error
        # timm and the hub client raise errors of many unrelated classes.
        except Exception as error:
            raise _cannot_create(options, error) from error
    return model


def _cannot_create(options: TimmOptions, error: Exception) -> DataError:
    advice = (
        "Pretrained weights come over the network: download them elsewhere, and give the file as 'weights'."
        if options.weights == "pretrained"
        else "Check its name and 'arguments'."
    )
    return DataError(f"timm model {options.model!r} cannot be made ({type(error).__name__}: {error}). {advice}")


def _load_weights(model: nn.Module, options: TimmOptions) -> None:
    if options.weights in ("", "pretrained"):
        return
    path = Path(options.weights).expanduser()
    classifiers = _pretrained_config(model).get("classifier") or ()
    prefixes = tuple(f"{name}." for name in ([classifiers] if isinstance(classifiers, str) else classifiers))
    own = model.state_dict()
    state = {key: value for key, value in _read_state(path).items() if key in own or not key.startswith(prefixes)}
    missing, unexpected = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    if missing or unexpected:
        raise DataError(
            f"{path}: weights do not fit timm model {options.model!r}: {len(missing)} missing ({_some(missing)}), "
            f"{len(unexpected)} unexpected ({_some(unexpected)}). Give the weights of this very model."
        )
    wrong = [key for key in own if own[key].shape != state[key].shape]
    if wrong:
        raise DataError(
            f"{path}: weights do not fit timm model {options.model!r}: other shapes ({_some(wrong)}). Give the weights "
            f"of this very model, made with the same 'arguments'."
        )
    model.load_state_dict(state)


def _read_state(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise DataError(
            f"weights {str(path)!r}: no such file. Write a path, 'pretrained', or nothing for random weights."
        ) from error
    # A file of another kind fails in many ways: in the zip reader, in the unpickler, in the safetensors header.
    except Exception as error:
        raise DataError(f"{path}: not a whole .safetensors or .pth file of tensors ({error}).") from error
    for wrapper in ("state_dict", "model"):
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise DataError(f"{path}: holds no dictionary of tensors (a state dict).")
    return content


def _check_statistics(model: str, mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    if len(mean) != len(std) or min(std) <= 0:
        raise ProtocolError(f"timm model {model!r}: mean {mean} and std {std} must be as long, and std above 0.")


def _some(keys: list[str]) -> str:
    return ", ".join(keys[:3]) + (", ..." if len(keys) > 3 else "") if keys else "none"

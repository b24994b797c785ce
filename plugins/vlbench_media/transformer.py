"""Audio and video models of transformers as encoders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

import vlbench
from vlbench.errors import DataError, ProtocolError
from vlbench_media.decode import RATE
from vlbench_media.options import TransformersOptions
from vlbench_media.preprocessing import FRAMES, SPECTROGRAMS, WAVEFORMS, Normalisation, normalisation

_PART = 16
"""Items of a pass without a graph: bounded memory."""


class MeanOfStates(nn.Module):
    """A transformer's last hidden states, averaged: inputs [item, ...] -> features [item, width].

    Frames are normalised by channel, spectrograms [item, band, frame] as a whole, and turned to the order of
    transformers, [item, frame, band] with low bands first.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, model: nn.Module, form: str, normal: Normalisation) -> None:
        super().__init__()
        self.model, self._form, self._each = model, form, normal.each
        self.register_buffer("mean", torch.tensor(normal.mean, dtype=torch.float32).view(-1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(normal.std, dtype=torch.float32).view(-1, 1, 1), persistent=False)

    def forward(self, inputs: Tensor) -> Tensor:
        """Features [item, width]; in small parts where no graph is held."""
        if torch.is_grad_enabled() or len(inputs) <= _PART:
            return self._features(inputs)
        return torch.cat([self._features(part) for part in torch.split(inputs, _PART)])

    def _features(self, inputs: Tensor) -> Tensor:
        states: Tensor = self.model(self._normalised(inputs)).last_hidden_state
        return states.mean(1)

    def _normalised(self, inputs: Tensor) -> Tensor:
        if self._form == WAVEFORMS:
            return _each(inputs) if self._each else inputs
        values = (inputs - self.mean) / self.std
        return values.flip(1).transpose(1, 2) if self._form == SPECTROGRAMS else values


def _each(waveforms: Tensor) -> Tensor:
    """Zero mean and unit deviation of every sound, as wav2vec2 was trained."""
    centred = waveforms - waveforms.mean(1, keepdim=True)
    return centred / (centred.square().mean(1, keepdim=True) + 1e-7).sqrt()


class Transformers(vlbench.Encoder):
    """An audio or video model of transformers: waveforms (wav2vec2), log-mel levels (AST) or frames (VideoMAE).

    Values are normalised as the model's preprocessor_config.json says. A model of spectrograms must be made for this
    package's: 64 bands, and as many frames as the items have; one that was trained on another definition is refused.

    Raises:
        ProtocolError: the model cannot be loaded, lacks weights, was trained on another sampling rate, or does not say
            how values are normalised.
    """

    inputs_on_device = True

    def __init__(self, options: TransformersOptions) -> None:
        self._name = options.name
        model: Any = _load(options.name)
        self._config = model.config
        self._form = _form(model, options.name)
        self.width = _width(model.config, options.name)
        normal = normalisation(options, self._form)
        self.module = MeanOfStates(model, self._form, normal).eval()
        self.identity = f"transformers {type(model).__name__} {normal} weights {_digest(model)}"

    def advice(self, shape: Sequence[int]) -> str:
        """What to change where the model cannot take the items."""
        if self._form == WAVEFORMS:
            return f"give longer sounds than {shape[-1] / RATE:g} s ('seconds' of the data), or take another model"
        return ""

    def inputs(self, items: Any) -> Tensor:
        """8-bit values in 0 to 1, floats as they are; same shape.

        Raises:
            DataError: the items are not what the model reads; which option of the data changes that.
        """
        ndim = {FRAMES: 5, SPECTROGRAMS: 3, WAVEFORMS: 2}[self._form]
        if not isinstance(items, Tensor) or items.ndim != ndim:
            found = f"items of form {list(items.shape[1:])}" if isinstance(items, Tensor) else "texts"
            sound = "waveform" if self._form == WAVEFORMS else "log-mel"
            change = "put it on the side of videos" if self._form == FRAMES else f"set sound = '{sound}' of the data"
            raise DataError(f"model {self._name!r} reads {self._form}, not {found}: {change}.")
        if misfit := self._misfit(list(items.shape[1:])):
            raise DataError(f"model {self._name!r} reads {misfit}.")
        return items.float() / 255 if items.dtype == torch.uint8 else items

    def file_of(self, item: Tensor) -> tuple[str, bytes] | None:
        """A WAV file of a sound."""
        if self._form == WAVEFORMS:
            return "wav", vlbench.data.wav(item)
        return ("wav", vlbench.data.listen(item)) if self._form == SPECTROGRAMS else None

    def _misfit(self, shape: list[int]) -> str:
        """What the model reads, what the data have, and which option of the data changes that."""
        if self._form == FRAMES:
            frames, size = _frames_of(self._config), getattr(self._config, "image_size", shape[-1])
            high = size if isinstance(size, int) else size[0]
            change = f"set frames = {frames} and size = {high} of the data"
            found = f"{frames} frames of {high} pixels, and the data have {shape[0]} of {shape[-1]}: {change}"
            return found if [frames, high] != [shape[0], shape[-1]] else ""
        if self._form == SPECTROGRAMS:
            bands, frames = int(self._config.num_mel_bins), int(self._config.max_length)
            change = f"set seconds = {frames / 32:g} of the data" if bands == shape[0] else "take one made for these"
            found = f"{bands} bands by {frames} frames, and the data have {shape[0]} by {shape[1]}: {change}"
            return found if [bands, frames] != shape else ""
        return ""


def _load(name: str) -> nn.Module:
    from transformers import AutoModel

    try:
        with torch.random.fork_rng(devices=[]), _quiet():
            model, about = AutoModel.from_pretrained(name, attn_implementation="eager", output_loading_info=True)
    except Exception as error:  # the library and the hub's client raise many unrelated classes
        text = " ".join(str(error).split())[:200]
        raise ProtocolError(
            f"model {name!r} cannot be loaded ({type(error).__name__}: {text}). Give a folder that "
            f"save_pretrained wrote, or the name of a model on the hub, which needs a network."
        ) from error
    lacking = sorted(key for key in about["missing_keys"] if "pooler" not in key)  # its output is not used
    if lacking:
        raise ProtocolError(
            f"model {name!r} lacks {len(lacking)} of its weights, {lacking[0]} the first: they would be drawn. Give as "
            f"'name' a folder with all of them."
        )
    if hasattr(model.config, "apply_spec_augment"):
        model.config.apply_spec_augment = False  # it draws from NumPy's global generator
    made: nn.Module = model.float()
    return made


@contextmanager
def _quiet() -> Iterator[None]:
    """No bar, and no report of the weights of a head that is not read; what is lacking is an error here."""
    from transformers.utils import logging

    level, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bar:
            logging.enable_progress_bar()


def _form(model: Any, name: str) -> str:
    reads = str(getattr(model, "main_input_name", ""))
    if reads.startswith("pixel_values") and _frames_of(model.config):
        return FRAMES
    if reads == "input_values":
        return SPECTROGRAMS if hasattr(model.config, "num_mel_bins") else WAVEFORMS
    advice = "; for a model of pictures on every frame take the encoder frames-timm" if "pixel" in reads else ""
    raise ProtocolError(
        f"model {name!r} reads {reads or 'something unknown'}, which is neither frames nor sound: give "
        f"another model as 'name'{advice}."
    )


def _frames_of(config: Any) -> int:
    return int(getattr(config, "num_frames", 0) or getattr(config, "frames_per_clip", 0) or 0)


def _width(config: Any, name: str) -> int:
    width = getattr(config, "hidden_size", None)
    if not isinstance(width, int):
        raise ProtocolError(f"model {name!r} does not say its hidden_size: give another model as 'name'.")
    return width


def _digest(model: nn.Module) -> str:
    state = hashlib.sha256()
    for name, values in sorted(model.state_dict().items()):
        state.update(f"{name} {list(values.shape)} ".encode())
        state.update(values.detach().contiguous().view(torch.uint8).numpy().tobytes() if values.ndim else b"")
    return state.hexdigest()[:32]

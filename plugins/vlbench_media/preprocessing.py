"""How a model of transformers wants its inputs normalised."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlbench.errors import ProtocolError
from vlbench_media.decode import RATE
from vlbench_media.options import TransformersOptions

FRAMES, SPECTROGRAMS, WAVEFORMS = "frames", "spectrograms", "waveforms"
_FILES = ("preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json")
_NESTED = ("video_processor", "image_processor", "feature_extractor")


@dataclass(frozen=True)
class Normalisation:
    """Mean and deviation of values in 0 to 1, one or one a channel; ``each`` waveform by its own."""

    mean: tuple[float, ...] = (0.0,)
    std: tuple[float, ...] = (1.0,)
    each: bool = False


LEVELS = Normalisation((0.45,), (0.25,))
"""Of this package's spectrograms, which are no pretrained model's."""


def normalisation(options: TransformersOptions, form: str) -> Normalisation:
    """As the options say, or the model's own files.

    Args:
        options: of the encoder.
        form: of what the model reads.

    Raises:
        ProtocolError: neither says it, or the model is for another sampling rate.
    """
    if len(options.mean) != len(options.std):
        raise ProtocolError(f"mean {list(options.mean)} and std {list(options.std)} go together: as many of each.")
    if options.mean and form != WAVEFORMS:
        return Normalisation(options.mean, options.std)
    if form == SPECTROGRAMS:
        return LEVELS
    if form == WAVEFORMS and options.normalise:
        return Normalisation(each=options.normalise == "sound")
    if form == WAVEFORMS:
        return _of_waveforms(_own(options.name, "normalise = 'sound' or 'none'"), options.name)
    return _of_frames(_own(options.name, "mean and std, as in mean = [0.5]"), options.name)


def _of_waveforms(own: dict[str, Any], name: str) -> Normalisation:
    rate = own.get("sampling_rate", RATE)
    if rate != RATE:
        raise ProtocolError(
            f"model {name!r} was trained on sound at {rate} Hz, and sounds are read at {RATE}: give a model of 16 kHz "
            f"as 'name'."
        )
    return Normalisation(each=bool(own.get("do_normalize", True)))


def _of_frames(own: dict[str, Any], name: str) -> Normalisation:
    if not own.get("do_normalize", True):
        return Normalisation()
    mean, std, factor = own.get("image_mean"), own.get("image_std"), own.get("rescale_factor", 1 / 255)
    if not mean or not std or abs(factor * 255 - 1) > 1e-3:
        raise ProtocolError(
            f"model {name!r}: its preprocessor's file does not say how pixels in 0 to 1 are normalised: set mean and "
            f"std in the encoder's options, as in mean = [0.5]."
        )
    return Normalisation(tuple(mean), tuple(std))


def _own(name: str, asked: str) -> dict[str, Any]:
    """What the model's folder says of how its inputs are prepared."""
    from transformers.utils import cached_file

    for file in _FILES:
        try:
            found = cached_file(name, file)
            content = json.loads(Path(found).read_text(encoding="utf-8")) if found else None
        except OSError:
            continue
        except ValueError as error:
            raise ProtocolError(f"model {name!r}: {file} cannot be read ({error}). Get it anew.") from error
        if isinstance(content, dict):
            return next((content[key] for key in _NESTED if isinstance(content.get(key), dict)), content)
    raise ProtocolError(
        f"model {name!r} has no {_FILES[0]}, so how its inputs are normalised is not known: set {asked} in the "
        f"encoder's options."
    )

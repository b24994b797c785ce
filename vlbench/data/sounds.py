"""Sound as pictures that a network reads: log-mel spectrograms of 8 bits, and back to something one can listen to.

The definition, for a mono waveform at 16 kHz in -1 to 1: windows of 1,024 samples (Hann), one every 500 (so 32 frames a
second), power; 64 bands of Slaney's mel scale from 0 to 8 kHz, each of unit area, as librosa has them by default;
decibels below :data:`FULL`, from -80 to 0, as 0 to 255. A level is a third of a decibel.
"""

from __future__ import annotations

import io
import wave
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RATE, WINDOW, HOP, BANDS = 16_000, 1024, 500, 64
FULL = 1000.0
"""Power in a band that is level 255: above that of a loud voice or a full-scale tone."""
RANGE = 80.0
"""Decibels from level 0 to level 255."""


def log_mel(waveforms: Float[Tensor, "item sample"]) -> UInt8[Tensor, "item band frame"]:
    """Log-mel spectrograms, high bands first, as a picture shows them; silence is 0.

    Args:
        waveforms: mono at 16 kHz, -1 to 1.

    Examples:
        >>> import torch, vlbench
        >>> vlbench.data.log_mel(torch.zeros(1, 16_000)).shape
        torch.Size([1, 64, 32])
    """
    frames = waveforms.shape[-1] // HOP
    window = torch.hann_window(WINDOW).to(waveforms)
    spectrum = torch.stft(waveforms, WINDOW, HOP, window=window, return_complex=True, pad_mode="constant")
    power = mel_filters().to(waveforms) @ spectrum[..., :frames].abs().square()
    decibels = 10 * (power / FULL).clamp_min(10 ** (-RANGE / 10)).log10()
    return ((decibels / RANGE + 1) * 255).round().clamp(0, 255).to(torch.uint8).flip(-2)


def listen(levels: UInt8[Tensor, "band frame"], rounds: int = 32) -> bytes:
    """A WAV file (mono, 16 bit, 16 kHz) of a sound that has about this log-mel spectrogram.

    Phases are not in a spectrogram: they are found by Griffin and Lim (1984) from a fixed start, so the same levels
    give the same file. Magnitudes are such that bands have the powers of the spectrogram, see :func:`_powers`.

    Args:
        levels: as :func:`log_mel` gives them.
        rounds: of Griffin-Lim.

    Examples:
        >>> import torch, vlbench
        >>> vlbench.data.listen(torch.zeros(64, 32, dtype=torch.uint8))[:4]
        b'RIFF'
    """
    levels = levels.flip(0)
    bands = 10 ** ((levels.double() / 255 - 1) * RANGE / 10) * FULL * (levels > 0)
    samples = _griffin_lim(_powers(bands).sqrt(), rounds)
    return wav(samples / max(1.0, float(samples.abs().max())))


def wav(samples: Float[Tensor, " sample"]) -> bytes:
    """A WAV file (mono, 16 bit, 16 kHz) of samples, those beyond -1 to 1 clipped.

    Examples:
        >>> import torch, vlbench
        >>> len(vlbench.data.wav(torch.zeros(16_000)))  # a header of 44 bytes
        32044
    """
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((samples.clamp(-1, 1) * 32767).round().to(torch.int16).numpy().astype("<i2").tobytes())
    return buffer.getvalue()


def _powers(bands: Tensor, updates: int = 100) -> Tensor:
    """Powers of bins [bin, frame], none negative, whose bands are about these [band, frame].

    By multiplicative updates (Lee and Seung 2001, for the divergence), which keep relative errors small in loud and
    quiet bands alike: 0.0 dB on average of the clips' sounds; the pseudo-inverse without negative values has 6.7 dB.
    """
    filters = mel_filters().double()
    reach = filters.sum(0)[:, None].clamp_min(1e-9)
    found = filters.T @ bands / reach + 1e-12
    for _ in range(updates):
        found = found * (filters.T @ (bands / (filters @ found + 1e-15))) / reach
    return found


def _griffin_lim(magnitude: Tensor, rounds: int) -> Tensor:
    """A waveform float64 [sample] whose windows have about these magnitudes [bin, frame]."""
    generator = torch.Generator().manual_seed(0)
    angles = 2 * torch.pi * torch.rand(magnitude.shape, generator=generator, dtype=torch.float64)
    window, length = torch.hann_window(WINDOW, dtype=torch.float64), HOP * (magnitude.shape[1] - 1)
    spectrum = torch.polar(magnitude, angles)
    for _ in range(rounds):
        samples = _inverse(spectrum, window, length)
        again = torch.stft(samples, WINDOW, HOP, window=window, return_complex=True, pad_mode="constant")
        spectrum = torch.polar(magnitude, again.angle())
    return _inverse(spectrum, window, length)


def _inverse(spectrum: Tensor, window: Tensor, length: int) -> Tensor:
    """The least-squares inverse of the windowed transform. Where no window reaches, which is nowhere inside, 0."""
    frames = torch.fft.irfft(spectrum, WINDOW, dim=0) * window[:, None]  # [sample of window, frame]
    whole = WINDOW + HOP * (frames.shape[1] - 1)
    fold = torch.nn.functional.fold
    summed = fold(frames[None], (1, whole), (1, WINDOW), stride=(1, HOP)).flatten()
    weights = (window.square()[:, None]).expand_as(frames).contiguous()
    covered = fold(weights[None], (1, whole), (1, WINDOW), stride=(1, HOP)).flatten()
    return (summed / covered.clamp_min(1e-2))[WINDOW // 2 : WINDOW // 2 + length]


@lru_cache(maxsize=1)
def mel_filters() -> Float[Tensor, "band bin"]:
    """Triangles of unit area, equally wide on Slaney's mel scale."""
    import numpy as np

    edges = _to_hertz(np.linspace(0, _to_mel(RATE / 2), BANDS + 2))
    bins = np.linspace(0, RATE / 2, WINDOW // 2 + 1)
    rise = (bins - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    fall = (edges[2:, None] - bins) / (edges[2:] - edges[1:-1])[:, None]
    area = 2 / (edges[2:] - edges[:-2])
    return torch.from_numpy(np.maximum(0, np.minimum(rise, fall)) * area[:, None]).float()


def _to_mel(hertz: float) -> float:
    """Linear to 1 kHz, 15 mels there, and logarithmic above."""
    import math

    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def _to_hertz(mels: NDArray[np.float64]) -> NDArray[np.float64]:
    import numpy as np

    return np.where(mels < 15, mels * 200 / 3, 1000 * np.exp((mels - 15) * np.log(6.4) / 27))

"""Log-mel spectrograms by their stated definition, and back to sound."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest
import torch

import vlbench
from vlbench.data.sounds import BANDS, FULL, HOP, RANGE, RATE, WINDOW

TIME = torch.arange(RATE) / RATE
TONE = 0.3 * torch.sin(2 * torch.pi * 440 * TIME) + 0.02 * torch.randn(RATE, generator=torch.Generator().manual_seed(0))


@pytest.mark.filterwarnings("ignore")
def test_levels_are_those_of_librosa():
    librosa = pytest.importorskip("librosa")
    power = librosa.feature.melspectrogram(
        y=TONE.numpy(), sr=RATE, n_fft=WINDOW, hop_length=HOP, n_mels=BANDS, pad_mode="constant"
    )[::-1, :32]
    expected = (10 * np.log10(np.maximum(power / FULL, 1e-12)) / RANGE + 1).clip(0, 1) * 255
    found = vlbench.data.log_mel(TONE[None])[0].numpy()
    assert np.abs(found - expected).max() < 0.51


def test_silence_is_nought_and_a_second_has_32_frames():
    levels = vlbench.data.log_mel(torch.zeros(2, 3 * RATE))
    assert levels.shape == (2, BANDS, 96)
    assert not levels.any()


def test_a_spectrogram_turned_into_sound_has_that_spectrogram():
    levels = vlbench.data.log_mel(TONE[None])[0]
    with wave.open(io.BytesIO(vlbench.data.listen(levels))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (RATE, 1, 2)
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32767
    again = vlbench.data.log_mel(torch.from_numpy(samples)[None])[0]
    inner = (levels[:, 1:-3], again[:, 1 : levels.shape[1] - 3])
    loud = inner[0] > 150
    assert loud.sum() > 50
    assert float((inner[0].float() - inner[1].float())[loud].abs().mean()) < 3  # a decibel
    assert len({vlbench.data.listen(levels) for _ in range(2)}) == 1


def test_silence_turned_into_sound_is_silent():
    content = vlbench.data.listen(torch.zeros(BANDS, 32, dtype=torch.uint8))
    assert set(content[44:]) == {0}

"""Recordings: waveforms of two sounds in a row, their spectrograms in decibels, and what one would say of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor

import vlbench

if TYPE_CHECKING:
    from vlbench_tones import TonesOptions

RATE, SECONDS = 4000, 1.0
BANDS, FRAMES = 32, 32
FLOOR = -60.0
CAPTIONS = 2
PITCHES = {"low": 250.0, "middle": 600.0, "high": 1300.0}
SHAPES = ("steady tone", "rising chirp", "falling chirp", "click train", "noise burst")
LOUDNESS = {"soft": 0.1, "loud": 0.8}


def load(options: TonesOptions, store: Path) -> vlbench.PairDataset:
    """Spectrograms float32 [recording, 32 bands, 32 frames] in whole decibels, and two captions of each.

    Args:
        options: how many, and the seed.
        store: not used; they are made in a second.
    """
    del store
    seeds = vlbench.SeedTree(options.seed).child("tones")
    counts = {"train": options.train, "val": options.train // 5, "test": options.train // 5}
    splits = {name: _split(count, seeds.generator(name)) for name, count in counts.items()}
    sides = ("audio", "text")
    return vlbench.PairDataset("tones", sides, splits, vlbench.fingerprint(sides, splits))


def _split(count: int, generator: Generator) -> vlbench.Split:
    spectrograms, captions = [], []
    for _ in range(count):
        events = [_draw_event(generator) for _ in range(2)]
        waveform = torch.cat([_sound(*event, generator) for event in events])
        spectrograms.append(spectrogram(waveform))
        captions += [_caption(events, generator) for _ in range(CAPTIONS)]
    pairs = torch.stack([torch.arange(count * CAPTIONS) // CAPTIONS, torch.arange(count * CAPTIONS)], 1)
    return vlbench.Split({"audio": torch.stack(spectrograms), "text": captions}, pairs)


def _draw_event(generator: Generator) -> tuple[str, str, str]:
    """Loudness, pitch and shape of one sound."""
    lists = (list(LOUDNESS), list(PITCHES), SHAPES)
    loudness, pitch, shape = (names[int(torch.randint(len(names), (), generator=generator))] for names in lists)
    return loudness, pitch, shape


def _sound(loudness: str, pitch: str, shape: str, generator: Generator) -> Tensor:
    """Waveform [sample] of half a second."""
    samples = int(RATE * SECONDS / 2)
    time = torch.arange(samples) / RATE
    jitter, phase = torch.rand(2, generator=generator).tolist()
    frequency = PITCHES[pitch] * (0.9 + 0.2 * jitter)
    noise = torch.randn(samples, generator=generator)
    if shape == "noise burst":
        carrier = noise * torch.sin(2 * math.pi * frequency * time) * torch.exp(-6 * time)
    elif shape == "click train":
        carrier = torch.sin(2 * math.pi * frequency * time) * (torch.sin(2 * math.pi * 10 * time + phase) > 0.8)
    else:
        bend = {"steady tone": 0.0, "rising chirp": 0.7, "falling chirp": -0.7}[shape] * frequency
        carrier = torch.sin(2 * math.pi * (frequency + bend * time) * time + phase)
    return LOUDNESS[loudness] * carrier + 0.005 * noise


def spectrogram(waveform: Tensor) -> Tensor:
    """Power in decibels below full scale, rounded to whole ones, float32 [32 bands, 32 frames]; high bands first."""
    window = torch.hann_window(128)
    spectrum = torch.stft(waveform, 128, hop_length=64, window=window, return_complex=True)[:64, :64]  # [bin, frame]
    power = spectrum.abs().square() / window.sum().square() * 4
    power = torch.nn.functional.adaptive_avg_pool2d(power[None], (BANDS, FRAMES))[0]
    return (10 * power.clamp_min(10 ** (FLOOR / 10)).log10()).round().flip(0)


def _caption(events: list[tuple[str, str, str]], generator: Generator) -> str:
    """What a listener says: loudness left out now and then, the order told in one of two ways."""
    leave = torch.rand(2, generator=generator) < 0.3
    one, two = (" ".join(event[leave_out:]) for event, leave_out in zip(events, leave.long().tolist(), strict=True))
    return f"a {one} then a {two}" if torch.rand((), generator=generator) < 0.7 else f"a {two} after a {one}"

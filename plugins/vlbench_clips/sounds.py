"""Layouts to sound: every object is a note. Colour is pitch, shape is timbre, size is loudness, motion is change.

What moves up or down glides in pitch, what moves right or left grows louder or softer; what blinks has a tremolo, what
shakes a vibrato.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

import vlbench
from vlbench_clips.layout import BLINKING, DOWN, LEFT, MOST, RIGHT, SHAKING, UP, Layout

RATE, HARMONICS = 16_000, 6
PITCHES = 150.0 * 2 ** (np.arange(12) * 3 / 12)
"""Hertz, by colour: a minor third apart."""
BEATS = 4.0
"""A second, of what blinks or shakes."""
LOUDNESS = (0.03, 0.12)
_NUMBER = np.arange(1, HARMONICS + 1)
TIMBRES = np.stack([
    np.eye(HARMONICS)[0],                                # circle: a pure tone
    (_NUMBER % 2) / _NUMBER,                             # square: odd harmonics
    1 / _NUMBER,                                         # triangle: all
    np.isin(_NUMBER, (1, 4)) * 1.0,                      # diamond: a bell
    np.isin(_NUMBER, (1, 2)) * 1.0,                      # cross: an organ
    np.isin(_NUMBER, (2, 3, 5)) * 1.0,                   # ring: hollow, without its fundamental
    np.ones(HARMONICS),                                  # star: a brass
    np.isin(_NUMBER, (1, 3)) * 1.0,                      # bar: a marimba
])  # fmt: skip
_CHUNK = 50  # part of the format: the random draws follow it


def render(layout: Layout, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Log-mel spectrograms of the layout's clips, uint8 [n, 64, 32]."""
    parts = []
    for start in range(0, len(layout), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(layout)))
        parts.append(vlbench.data.log_mel(torch.from_numpy(waveforms(layout, rows, rng))).numpy())
    return np.concatenate(parts)


def waveforms(layout: Layout, rows: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float32]:
    """A second of mono sound of some clips, float32 [clip, 16000] within -1 to 1."""
    n, time = len(rows), np.arange(RATE) / RATE
    beat = 2 * np.pi * BEATS * time
    sound = rng.standard_normal((n, RATE), dtype=np.float32) * np.float32(0.003)
    for place in range(MOST):
        motion = layout.motion[rows, place]
        pitch = PITCHES[layout.colour[rows, place]] * 2 ** rng.normal(0, 0.4 / 12, n)
        glide = (motion == UP) * 0.3 - (motion == DOWN) * 0.23
        vibrato = (motion == SHAKING)[:, None] * 0.08 * np.sin(beat) / (2 * np.pi * BEATS)
        turns = pitch[:, None] * (time + glide[:, None] * time**2 / 2 + vibrato) + rng.random((n, 1))
        swell = ((motion == RIGHT) * 1.0 - (motion == LEFT))[:, None]
        tremolo = 1 - (motion == BLINKING)[:, None] * 0.45 * (1 - np.cos(beat))
        loud = np.array(LOUDNESS)[layout.size[rows, place]] * rng.uniform(0.8, 1.2, n) * layout.present[rows, place]
        envelope = loud[:, None] * 10 ** (swell * (time - 0.5)) * tremolo
        note = _note(turns.astype(np.float32), TIMBRES[layout.shape[rows, place]].astype(np.float32))
        sound += envelope.astype(np.float32) * note
    return np.asarray(np.clip(sound, -1, 1), dtype=np.float32)


def _note(turns: NDArray[np.float32], timbre: NDArray[np.float32]) -> NDArray[np.float32]:
    """Harmonics of a note [n, sample]: the sine of each multiple by Chebyshev's recurrence."""
    angle = np.float32(2 * np.pi) * (turns % 1)
    doubled, before, now = 2 * np.cos(angle), np.zeros_like(angle), np.sin(angle)
    note = np.zeros_like(angle)
    for number in range(HARMONICS):
        note += timbre[:, number, None] * now
        before, now = now, doubled * now - before
    return np.asarray(note / np.linalg.norm(timbre, axis=1)[:, None], dtype=np.float32)

"""Layouts to words: five captions a clip that say what is seen and heard, with synonyms and omissions."""

from __future__ import annotations

import numpy as np

from vlbench_clips.layout import Layout

CAPTIONS = 5
_DROP, _OMIT_SIZE, _HEARD = 0.15, 0.3, 0.3
_SIZES = (("small", "little"), ("big", "large"))
_LOUD = (("soft", "quiet"), ("loud", "strong"))
_COLOURS = (
    ("red", "crimson"), ("orange", "amber"), ("yellow", "golden"), ("green", "emerald"), ("cyan", "turquoise"),
    ("blue", "navy"), ("purple", "violet"), ("pink", "rose"), ("brown", "chocolate"), ("white", "ivory"),
    ("black", "ebony"), ("grey", "silver"),
)  # fmt: skip
_SHAPES = (
    ("circle", "disc"), ("square", "box"), ("triangle", "wedge"), ("diamond", "rhombus"), ("cross", "plus"),
    ("ring", "hoop"), ("star", "sparkle"), ("bar", "plank"),
)  # fmt: skip
_MOTIONS = (
    ("standing", "resting"), ("moving leftwards", "drifting west"), ("moving rightwards", "drifting east"),
    ("moving upwards", "climbing"), ("moving downwards", "sinking"), ("blinking", "flashing"), ("shaking", "trembling"),
)  # fmt: skip
_TONES = (
    ("whistle", "flute"), ("clarinet", "reed"), ("string", "violin"), ("bell", "chime"), ("organ", "pipe"),
    ("hum", "drone"), ("trumpet", "brass"), ("marimba", "xylophone"),
)  # fmt: skip
_PITCHES = (
    "rumbling", "deepest", "deep", "lower", "low", "lowish", "highish", "high", "higher", "sharp", "sharpest",
    "piercing",
)  # fmt: skip
_CHANGES = ("steady", "fading", "growing", "rising", "falling", "pulsing", "wavering")


def write(layout: Layout, rng: np.random.Generator) -> list[str]:
    """Five captions a clip, in the order of the clips; each names at least one object."""
    return [_caption(layout, clip, rng) for clip in range(len(layout)) for _ in range(CAPTIONS)]


def _caption(layout: Layout, clip: int, rng: np.random.Generator) -> str:
    order = rng.permutation(int(layout.count[clip]))
    named = [place for place in order if rng.random() >= _DROP] or [order[0]]
    return " and ".join(_phrase(layout, clip, place, rng) for place in named)


def _phrase(layout: Layout, clip: int, place: int, rng: np.random.Generator) -> str:
    colour, shape = layout.colour[clip, place], layout.shape[clip, place]
    size, motion = layout.size[clip, place], layout.motion[clip, place]
    heard, bare, *picks = rng.random(6)
    one = [int(2 * pick) for pick in picks]
    if heard < _HEARD:
        words = [_LOUD[size][one[0]], _CHANGES[motion], _PITCHES[colour], _TONES[shape][one[1]]]
    else:
        words = [_SIZES[size][one[0]], _COLOURS[colour][one[1]], _SHAPES[shape][one[2]], _MOTIONS[motion][one[3]]]
    phrase = " ".join(words[int(bare < _OMIT_SIZE) :])
    return f"{'an' if phrase[0] in 'aeio' else 'a'} {phrase}"

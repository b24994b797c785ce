"""Options that distillers share. Light: importing them imports no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vlbench.registry.options import option


@dataclass(frozen=True)
class LearnOptions:
    """What is learned, and how: options that every distiller of :mod:`vlbench.matching` reads where it has them.

    Examples:
        >>> from dataclasses import dataclass
        >>> import vlbench
        >>> from vlbench.matching import LearnOptions
        >>> @dataclass(frozen=True)
        ... class MyOptions(LearnOptions):
        ...     weight: float = vlbench.option(1.0, minimum=0, help="of the second term")
        >>> MyOptions().captions
        'mean'
    """

    learn: str = option("both", help="'both', or the one side that is learned, as in image or text")
    captions: Literal["mean", "one"] = option(
        "mean", help="text vectors start from the mean of an image's captions, or from one caption"
    )
    noise: tuple[str, ...] = option((), help="sides that start from noise instead of real pairs, as in image,text")
    pixels: Literal["frequency", "free"] = option(
        "frequency", help="pixels are learned as frequency-weighted coefficients, or freely"
    )
    anchor_strength: float = option(
        0.0, minimum=0, help="pull of learned pixels back to the real ones; 1 to 3 for students of other encoders"
    )
    storage: Literal["float32", "float16", "uint8"] = option(
        "float32", help="how text vectors, and pixels that are not 8 bit, are stored and trained against"
    )
    seconds: float = option(0.0, minimum=0, help="time limit of a condensation; 0: none. Results then depend on speed")


@dataclass(frozen=True)
class StepOptions(LearnOptions):
    """The same, with outer steps and rates.

    Examples:
        >>> from vlbench.matching import StepOptions
        >>> StepOptions(outer_steps=10).item_rate
        0.1
    """

    outer_steps: int = option(200, minimum=1, help="updates of the learned pairs")
    item_rate: float = option(0.1, minimum=0, help="outer learning rate of pixels, at unit RMS")
    vector_rate: float = option(0.1, minimum=0, help="outer learning rate of text vectors, at unit RMS")

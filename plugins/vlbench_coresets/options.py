"""Options of the selectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import vlbench

_CAPTIONS = "one: a drawn caption of each image; mean: the mean of the image's caption vectors"
_REPEAT = "offer an image with each of its captions, so that it may be chosen more than once"


@dataclass(frozen=True)
class SelectorOptions:
    """What every selector understands."""

    captions: Literal["one", "mean"] = vlbench.option("one", help=_CAPTIONS)
    repeat_images: bool = vlbench.option(False, help=_REPEAT)


@dataclass(frozen=True)
class MeanCaptionOptions:
    """Those of ``random`` with mean captions by default."""

    captions: Literal["one", "mean"] = vlbench.option("mean", help=_CAPTIONS)
    repeat_images: bool = vlbench.option(False, help=_REPEAT)


@dataclass(frozen=True)
class ClusterOptions(SelectorOptions):
    """Those of selectors that cluster their candidates."""

    iterations: int = vlbench.option(25, minimum=1, help="of k-means")


@dataclass(frozen=True)
class DedupOptions(ClusterOptions):
    """Those of ``semdedup``."""

    clusters: int = vlbench.option(
        0,
        minimum=0,
        help="within which pairs are compared; 0: one for each 50 candidates, at most 1,000 up to 10 million",
    )


@dataclass(frozen=True)
class LengthOptions:
    """Those of ``length``."""

    captions: Literal["one", "mean"] = vlbench.option("one", help=_CAPTIONS)
    repeat_images: bool = vlbench.option(False, help=_REPEAT)
    unit: Literal["words", "characters"] = vlbench.option("words", help="in which a caption is measured")


@dataclass(frozen=True)
class ForgettingOptions:
    """Which pairs are kept, and the training run in which forgetting is counted."""

    captions: Literal["one", "mean"] = vlbench.option("one", help=_CAPTIONS)
    repeat_images: bool = vlbench.option(False, help=_REPEAT)
    order: Literal["fewest", "most"] = vlbench.option("fewest", help="keep the pairs forgotten fewest or most times")
    epochs: int = vlbench.option(10, minimum=1, help="passes over the candidates in the training run")
    batch: int = vlbench.option(
        128, minimum=2, help="pairs in an update, among which image and caption must find each other"
    )
    learning_rate: float = vlbench.option(
        0.0, minimum=0, help="learning rate of the training run; 0 for that of the protocol's warm-up"
    )

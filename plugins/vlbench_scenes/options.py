"""Options of the dataset `scenes`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import vlbench


@dataclass(frozen=True)
class ScenesOptions:
    """Which of the two sizes, and the seed it is made from."""

    size: Literal["full", "mini"] = vlbench.option(
        "full", help="full: 29,000 / 1,000 / 1,000 images; mini: 600 / 100 / 100"
    )
    seed: int = vlbench.option(0, minimum=0, help="seed of the generator")

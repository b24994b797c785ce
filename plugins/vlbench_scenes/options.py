"""Options of the data set `scenes`."""

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
    seed: int = vlbench.option(0, help="seed of the generator")

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise vlbench.errors.OptionError(f"option seed={self.seed} is below 0. Give 0 or a positive number.")

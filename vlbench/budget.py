"""How much a method may keep: a number of pairs, or of bytes. The two are divisions of the board."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from vlbench.errors import ArtifactError, BudgetError

UNITS = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
"""Units of bytes; a budget is written in the largest decimal one that divides it."""
_SIZE = re.compile(r"(\d[\d_]*(?:\.\d+)?)\s*([A-Za-z]+)")
_HOW = "Give one, as in --budget 500 or --budget 5MB"


MOST = 10**15
"""Pairs of a budget."""


@dataclass(frozen=True)
class Budget:
    """A number of image-text pairs, or of bytes, at least 1.

    One text form serves the command line, TOML and records.
    Bytes are those of :func:`vlbench.artifacts.artifact_bytes`.

    Attributes:
        amount: how many.
        unit: of what.

    Examples:
        >>> import vlbench
        >>> budget = vlbench.Budget.parse("500")
        >>> budget.pairs, str(budget)
        (500, '500')
        >>> in_bytes = vlbench.Budget.parse("1.5 MB")
        >>> str(in_bytes), in_bytes.pairs_that_fit(vlbench.artifacts.stored_bytes(3072, "uint8"))
        ('1500kB', 487)
        >>> vlbench.Budget.parse("-3")
        Traceback (most recent call last):
        vlbench.errors.BudgetError: budget -3 is below 1 pair. Give a positive number of pairs, as in --budget 500.
    """

    amount: int
    unit: Literal["pairs", "bytes"] = "pairs"

    @classmethod
    def parse(cls, text: str | int | Budget) -> Budget:
        """Read ``500``, ``"500"``, ``"5MB"``, ``"1.5 kB"`` or ``"2MiB"``.

        Raises:
            BudgetError: the text is neither a whole number of pairs nor a size, or is below 1.
        """
        if isinstance(text, Budget):
            return text
        size = _SIZE.fullmatch(str(text).strip())
        if size:
            return cls(_bytes(size[1], size[2], str(text).strip()), "bytes")
        try:
            pairs = int(str(text).replace("_", "").strip())
        except ValueError:
            raise BudgetError(
                f"budget {str(text)[:60]!r} is not a whole number of pairs, nor a size in bytes. {_HOW}."
            ) from None
        if isinstance(text, bool) or pairs < 1:
            raise BudgetError(f"budget {text} is below 1 pair. Give a positive number of pairs, as in --budget 500.")
        if pairs > MOST:
            raise BudgetError(f"budget {str(text)[:30]}... is above {MOST:,} pairs. Give a number of pairs, as in 500.")
        return cls(pairs)

    @property
    def pairs(self) -> int:
        """The number of pairs.

        Raises:
            BudgetError: the budget counts bytes. Ask :meth:`pairs_that_fit`, or :meth:`vlbench.Context.fit`.
        """
        if self.unit == "pairs":
            return self.amount
        raise BudgetError(
            f"budget {self} counts bytes, and the method reads budget.pairs alone. "
            "Ask budget.pairs_that_fit(bytes_per_pair) or context.fit(selection, budget) in it, "
            "or give a number of pairs, as in --budget 500."
        )

    def pairs_that_fit(self, bytes_per_pair: int, *, beside: int = 0) -> int:
        """How many pairs fit that weigh at most so much each: for who makes pairs; the number itself in pairs.

        Args:
            bytes_per_pair: of both sides, as stored; see :func:`vlbench.artifacts.stored_bytes`.
            beside: bytes of what comes once, such as learned step sizes.

        Raises:
            BudgetError: not one fits.
        """
        if self.unit == "pairs":
            return self.amount
        count = (self.amount - beside) // bytes_per_pair
        if count < 1:
            raise BudgetError(
                f"budget {self} holds no pair of this method, which weighs {bytes_per_pair:,} bytes"
                f"{f' beside {beside:,} bytes for all' if beside else ''}. Raise --budget."
            )
        return count

    def check_available(self, available: int, *, unit: str = "pairs") -> None:
        """Raise BudgetError if the train split has fewer than this many distinct choices."""
        if self.unit == "pairs" and self.amount > available:
            raise BudgetError(
                f"budget {self.amount} is more than the train split offers: {available} {unit}. "
                f"Ask for at most --budget {available}."
            )

    def check_artifact_size(self, method: str, *, pairs: int, size: int) -> None:
        """Raise ArtifactError if an artifact of so many pairs and bytes is over this budget."""
        if self.unit == "bytes" and size > self.amount:
            raise ArtifactError(
                f"the artifact of {method!r} weighs {size:,} bytes, over the budget of {self} ({self.amount:,} bytes)."
            )
        if self.unit == "pairs" and pairs > self.amount:
            raise ArtifactError(f"the artifact of {method!r} holds {pairs} pairs, over the budget of {self.amount}.")

    @property
    def sort_key(self) -> tuple[bool, int]:
        """Orders budgets: those in pairs by size, then those in bytes by size."""
        return self.unit == "bytes", self.amount

    def __str__(self) -> str:
        if self.unit == "pairs":
            return str(self.amount)
        unit = next(name for name in ("GB", "MB", "kB", "B") if self.amount % UNITS[name] == 0)
        return f"{self.amount // UNITS[unit]}{unit}"


def _bytes(number: str, unit: str, text: str) -> int:
    factor = next((size for name, size in UNITS.items() if name.lower() == unit.lower()), None)
    if factor is None:
        raise BudgetError(f"budget {text!r} has the unit {unit!r}. Allowed: {', '.join(UNITS)}. {_HOW}.")
    size = Decimal(number.replace("_", "")) * factor
    if size != int(size) or size < 1:
        raise BudgetError(f"budget {text!r} is {size} bytes, not a whole number of at least 1. {_HOW}.")
    return int(size)

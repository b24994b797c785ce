"""How much a method may keep: a number of pairs."""

from __future__ import annotations

from dataclasses import dataclass

from vlbench.errors import BudgetError


@dataclass(frozen=True, order=True)
class Budget:
    """A number of image-text pairs, at least 1.

    One text form serves the command line, TOML and records.

    Examples:
        >>> import vlbench
        >>> budget = vlbench.Budget.parse("500")
        >>> budget.pairs, str(budget)
        (500, '500')
        >>> vlbench.Budget.parse("-3")
        Traceback (most recent call last):
        vlbench.errors.BudgetError: budget -3 is below 1 pair. Give a positive number of pairs, as in --budget 500.
    """

    pairs: int

    @classmethod
    def parse(cls, text: str | int | Budget) -> Budget:
        """Read ``500`` or ``"500"``.

        Raises:
            BudgetError: the text is no whole number, or is below 1.
        """
        if isinstance(text, Budget):
            return text
        try:
            pairs = int(str(text).replace("_", "").strip())
        except ValueError:
            raise BudgetError(
                f"budget {str(text)!r} is not a whole number of pairs. Give one, as in --budget 500."
            ) from None
        if isinstance(text, bool) or pairs < 1:
            raise BudgetError(f"budget {text} is below 1 pair. Give a positive number of pairs, as in --budget 500.")
        return cls(pairs)

    def check_fits(self, available: int, *, unit: str = "pairs") -> None:
        """Raise BudgetError if the train split has fewer than this many distinct choices."""
        if self.pairs > available:
            raise BudgetError(
                f"budget {self.pairs} is more than the train split offers: {available} {unit}. "
                f"Ask for at most --budget {available}."
            )

    def __str__(self) -> str:
        return str(self.pairs)

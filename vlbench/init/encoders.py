"""Which encoder a new suite gets on each side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vlbench.errors import DataError, OptionError
from vlbench.registry.drafts import Suggestion
from vlbench.registry.specs import resolve

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry


@dataclass(frozen=True)
class Choice:
    """An encoder of one side.

    Attributes:
        name: as declared.
        suggestion: its options.
        fetched: a better one that would have to be downloaded: the flag that takes it, and what is fetched.
    """

    name: str
    suggestion: Suggestion
    fetched: tuple[str, str] = ("", "")

    @property
    def label(self) -> str:
        """Name and model, as the flags take them."""
        model = next(iter(self.suggestion.options.values()), "")
        return f"{self.name}:{model}" if model else self.name


def encoder_flag(side: str) -> str:
    """The flag of a side, up to the encoder's name."""
    return f"--{side}-encoder " if side in ("image", "text") else f"--encoder {side}="


def choose_encoder(registry: Registry, side: str, wanted: str = "") -> Choice:
    """The encoder that the user names, or the best of those that can be used without a network.

    Args:
        registry: knows the encoders.
        side: of the tower.
        wanted: ``NAME`` or ``NAME:MODEL``; empty for any.

    Raises:
        OptionError: the encoder named is of another side, or offers nothing to ``vlbench init``.
        DataError: there is none for this side.
    """
    name, _, model = wanted.partition(":")
    if name:
        spec = registry.get("encoder", name)
        if spec.side != side:
            raise OptionError(
                f"{encoder_flag(side)}{name!r} is an encoder of side {spec.side!r}. See: vlbench encoders"
            )
        found = _suggested(registry, name, model) or [Suggestion({}, there=True)]
        return Choice(name, max(found, key=lambda one: (one.there, one.rank)))
    offers = [Choice(one.name, each) for one in registry.all("encoder").values() if one.side == side and one.suggest
              for each in _suggested(registry, one.name, "")]  # fmt: skip
    usable = [offer for offer in offers if offer.suggestion.there]
    if not usable:
        raise DataError(f"no encoder of side {side!r} is there. Name one: {encoder_flag(side)}NAME:MODEL.")
    best = max(usable, key=lambda offer: offer.suggestion.rank)
    other = max(offers, key=lambda offer: offer.suggestion.rank)
    better = other.suggestion.rank > best.suggestion.rank
    fetched = (f"{encoder_flag(side)}{other.label}", other.suggestion.fetch) if better else ("", "")
    return Choice(best.name, best.suggestion, fetched)


def _suggested(registry: Registry, name: str, model: str) -> list[Suggestion]:
    spec = registry.get("encoder", name)
    return list(resolve(spec.suggest)(model)) if spec.suggest else []

"""Names of a table's columns, from the directions in records."""

from __future__ import annotations

from collections.abc import Iterable


def short_names(directions: Iterable[str]) -> dict[str, str]:
    """A short name of each direction, after what is ranked: ``image_to_text`` is TR, ``text_to_image`` IR.

    Where the ranked sides begin alike, as many letters are taken as tell them apart (``video``, ``voice``: VIR, VOR).
    """
    ranked = {name: name.rpartition("_to_")[2] for name in directions}
    sides = set(ranked.values())
    longest = max(map(len, sides), default=1)
    letters = next((n for n in range(1, longest) if len({side[:n] for side in sides}) == len(sides)), longest)
    return {name: f"{side[:letters].upper()}R" for name, side in ranked.items()}

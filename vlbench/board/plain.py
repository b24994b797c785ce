"""Text of strangers, as a board may show it: no control characters, nothing invisible, nothing endless."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from msgspec import Struct, structs

from vlbench.visible import visible

MOST = 1000
"""Characters of a text on a board; a longer one is cut, and a hash of the whole tells it from its like."""
_BREAK = re.compile(r"\s*[\n\r\t]\s*")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MARKUP = str.maketrans(
    {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "\\|", "`": "'", "[": "\\[", "]": "\\]", "*": "\\*"}
)


def plain(text: str) -> str:
    """One line of visible text: characters that are not seen, or steer a terminal, are written as ``\\u200b``."""
    if len(text) > MOST:
        digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:8]
        text = f"{text[:MOST]}... ({len(text):,} characters, {digest})"
    return visible(_BREAK.sub(" ", text))


def cleaned(value: Any) -> Any:
    """A record, or a part of one, whose every text is :func:`plain`, keys too; itself where all of them are."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Struct):
        fields = {name: (old, cleaned(old)) for name in value.__struct_fields__ if (old := getattr(value, name))}
        changes = {name: new for name, (old, new) in fields.items() if new is not old}
        return structs.replace(value, **changes) if changes else value
    if isinstance(value, dict):
        pairs = [(plain(str(key)), cleaned(inner)) for key, inner in value.items()]
        same = all(key == old and new is inner for (key, new), (old, inner) in zip(pairs, value.items(), strict=True))
        return value if same else dict(pairs)
    if isinstance(value, list | tuple):
        if value and isinstance(value[0], int | float):
            return value
        made = [cleaned(inner) for inner in value]
        return value if all(new is old for new, old in zip(made, value, strict=True)) else type(value)(made)
    return value


def markdown(text: str) -> str:
    """Text inside a Markdown table that is nothing but text there."""
    return text.translate(_MARKUP)


def cell(value: object) -> object:
    """A value of a spreadsheet: a text that would be computed there begins with an apostrophe."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

"""Text of strangers, as a terminal or a board may show it: no control characters, nothing that is not seen."""

from __future__ import annotations

import re
import unicodedata

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Categories of Unicode whose characters are not seen, or steer a terminal."""
_IGNORED = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Unicode's other characters without a glyph: fillers, selectors of variants, the blank of Braille."""
_MAY_BE_PLAIN = re.compile(r"[\x20-\x7e\n\t]*")
LONGEST_CAUSE = 1000
"""Characters of an error's text."""


def visible(text: str) -> str:
    """The text with characters that are not seen written as ``\\u200b``; lines and tabs stay."""
    if _MAY_BE_PLAIN.fullmatch(text):
        return text
    return "".join(_escaped(symbol) if symbol not in "\n\t" and is_hidden(symbol) else symbol for symbol in text)


def is_hidden(symbol: str) -> bool:
    """Whether a character is not seen, or steers a terminal."""
    return unicodedata.category(symbol) in HIDDEN or _IGNORED.fullmatch(symbol) is not None


def text_of(error: BaseException) -> str:
    """What an error says; a stranger's may fail to."""
    try:
        return str(error)
    except Exception:
        return "its text cannot be read"


def cause_of(error: BaseException) -> str:
    """``ValueError: what it says``, of any error of foreign code: visible, and never endless."""
    text = text_of(error)
    more = f"... ({len(text):,} characters)" if len(text) > LONGEST_CAUSE else ""
    return visible(f"{type(error).__name__[:100]}: {text[:LONGEST_CAUSE]}{more}").rstrip(": ")


def _escaped(symbol: str) -> str:
    point = ord(symbol)
    return f"\\x{point:02x}" if point < 256 else f"\\u{point:04x}" if point < 65536 else f"\\U{point:08x}"

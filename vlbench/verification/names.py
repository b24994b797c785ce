"""Names and texts that strangers give: none that looks like another, none with what is not seen in it.

Declared names are letters, digits, ``-`` and ``_``, so a claim's are, too; among these the skeletons of Unicode TR39
(Unicode Technical Standard 39, confusables.txt) differ in four places only: 0 and O; 1, I and l; m and rn. That w is
read as vv, d as cl, and a name with a hyphen more as the one without it, is added.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Any

from vlbench.visible import is_hidden

RESERVED = (
    "artifact", "chance", "full", "nearest-real", "random-bytes", "random-pairs", "readable", "rescored", "start"
)  # fmt: skip
"""Rows that the core makes; no method has their names."""
LONGEST = 2_000
"""Characters of a text in a record."""
MOST_CURVES, MOST_POINTS = 64, 1_000_000
MOST_MARKS = 4
"""Marks on one letter: more of them are drawn over the lines above and below."""
_METHOD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


def skeleton(name: str) -> str:
    """The same for names that look alike: after TR39's confusables, without case, ``_`` as ``-``."""
    alike = name.translate(str.maketrans("0I1_", "Oll-")).lower()
    for one, other in (("m", "rn"), ("w", "vv"), ("d", "cl")):
        alike = alike.replace(one, other)
    return re.sub("-+", "-", alike).strip("-")


def method_name_problems(name: str, known: Iterable[str]) -> Iterator[str]:
    """Why a claim's method may not have its name.

    Args:
        name: of the claim's method.
        known: methods that are declared here.
    """
    yield from _form(name, "method", _METHOD)
    if name in RESERVED:
        yield f"method {name!r} is the name of a row that the core makes"
    if row := next((row for row in RESERVED if skeleton(name).startswith(f"{skeleton(row)}-of-")), ""):
        yield f"method {name!r} looks like a row that the core makes, '{row} of ...'"
    alike = sorted(other for other in {*known, *RESERVED} if other != name and skeleton(other) == skeleton(name))
    if alike:
        yield f"method {name!r} looks like {alike[0]!r} (Unicode TR39)"


def name_problems(name: str, what: str) -> Iterator[str]:
    """Why a suite or a student may not have its name."""
    yield from _form(name, what, _NAME)


def _form(name: str, what: str, allowed: re.Pattern[str]) -> Iterator[str]:
    if hidden := text_problem(name):
        yield f"{what} {name[:60]!a} {hidden}"
    elif strange := next((symbol for symbol in name if not symbol.isascii()), ""):
        spelled = unicodedata.name(strange, "no name")
        yield f"{what} {name[:60]!a} holds U+{ord(strange):04X} ({spelled}). Names are ASCII letters and digits"
    elif not allowed.fullmatch(name):
        yield f"{what} {name[:60]!r} is no name: letters, digits, '-' and '_', at most 100"


def text_problem(text: str) -> str:
    """What a text holds that it may not; "" where it holds nothing of the kind."""
    if len(text) > LONGEST:
        return f"has {len(text):,} characters. Allowed: {LONGEST:,}"
    if hidden := next(filter(is_hidden, text), ""):
        return f"holds the invisible or control character U+{ord(hidden):04X}"
    marks = itertools.groupby(text, lambda symbol: unicodedata.category(symbol) in ("Mn", "Me"))
    if any(is_mark and len(list(group)) > MOST_MARKS for is_mark, group in marks):
        return f"has more than {MOST_MARKS} marks on one letter"
    return "" if unicodedata.is_normalized("NFC", text) else "is not in Unicode's normal form NFC"


def texts(value: Any, at: str = "$") -> Iterator[tuple[str, str]]:
    """Place and text of every text in a JSON value, keys included; numbers in lists are passed over."""
    if isinstance(value, str):
        yield at, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield f"a key of {at}", key
            yield from texts(inner, f"{at}.{key[:40]}")
    elif isinstance(value, list) and not (value and isinstance(value[0], int | float)):
        for number, inner in enumerate(value):
            yield from texts(inner, f"{at}[{number}]")

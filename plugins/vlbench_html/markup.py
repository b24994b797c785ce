"""HTML and SVG whose text is escaped by construction."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Iterable, Mapping

_VOID = frozenset({"input", "meta", "br", "img"})
_IN_SCRIPT = str.maketrans({symbol: f"\\u{ord(symbol):04x}" for symbol in "<>&\u2028\u2029"})


class Html(str):
    """Text that is markup already; anything else is escaped where it is put into an element."""

    __slots__ = ()


Child = str | None


def element(name: str, attributes: Mapping[str, object] | None = None, *children: Child) -> Html:
    """``<name attributes>children</name>``.

    Args:
        name: of the tag; never of foreign origin.
        attributes: values are escaped; None and False leave one out, True gives it no value.
        children: escaped unless they are :class:`Html`; None is left out.
    """
    written = "".join(_attribute(key, value) for key, value in (attributes or {}).items())
    if name in _VOID:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Html:
    """Children one after the other, escaped as in :func:`element`."""
    return Html("".join(child if isinstance(child, Html) else html.escape(child) for child in children if child))


def scrollable(label: str, table: Html) -> Html:
    """A table that scrolls within itself where it is wider than the page; a region the keyboard reaches."""
    return element("div", {"class": "scroll", "tabindex": "0", "role": "region", "aria-label": label}, table)


def data_script(name: str, value: object) -> Html:
    """Data for the page's script: JSON in which nothing can end the element or open a comment.

    Raises:
        ValueError: the value holds a number that is not finite.
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False).translate(_IN_SCRIPT)
    return element("script", {"type": "application/json", "id": name}, Html(text))


def csp_hash(text: str) -> str:
    """What a Content-Security-Policy calls an inline script or style of this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _attribute(name: str, value: object) -> str:
    if value is None or value is False:
        return ""
    return f" {name}" if value is True else f' {name}="{html.escape(str(value))}"'

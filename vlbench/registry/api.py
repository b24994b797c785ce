"""The version of what plugins are promised, and whether a plugin was written for it."""

from __future__ import annotations

import operator
import re

GROUP = "vlbench"
"""Name of the entry point group, and of the pluggy project."""

PLUGIN_API = 2
"""One more whenever a change of hooks, declarations or the facade can break a plugin; what is only added can not.

A plugin's module says which versions it was written for, and is refused by name outside them.

Examples:
    >>> import vlbench
    >>> VLBENCH_API = ">=2,<3"  # in the plugin's module
    >>> 2 <= vlbench.PLUGIN_API < 3
    True
"""

DECLARED_AS = "VLBENCH_API"
"""Attribute of a plugin's module: the versions it was written for, as in ``">=2,<3"``."""

_COMPARE = {
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">": operator.gt,
    "<": operator.lt,
}
_PART = re.compile(r"\s*(>=|<=|==|!=|>|<)\s*(\d+)\s*")


def why_unfit(plugin: object) -> str:
    """Why a plugin cannot be used under this version, or "" if it can; one that declares no range fits."""
    wanted = getattr(plugin, DECLARED_AS, "")
    if wanted == "":
        return ""
    parts = [_PART.fullmatch(part) for part in wanted.split(",")] if isinstance(wanted, str) else [None]
    limits = [(part[1], int(part[2])) for part in parts if part]
    if len(limits) < len(parts):
        return f"{DECLARED_AS} is {wanted!r}. Write limits with commas, as in '>=2,<3'."
    if all(_COMPARE[sign](PLUGIN_API, number) for sign, number in limits):
        return ""
    return (
        f"it was written for {DECLARED_AS} {wanted}, this vlbench has {PLUGIN_API}. "
        "Install a version of the plugin, or of vlbench, that fits."
    )

"""What each field of a declaration may hold."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

Family = Literal["selection", "distillation"]
Scaling = Literal["linear", "quadratic"]


def _pattern(pattern: str) -> Callable[[object], bool]:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _is_options(value: object) -> bool:
    # Private to the standard library's stubs.
    return isinstance(value, type) and dataclasses.is_dataclass(value) and value.__dataclass_params__.frozen  # type: ignore[attr-defined]


def _is_towers(value: object) -> bool:
    towers = value.values() if isinstance(value, Mapping) else ()
    return bool(towers) and all(isinstance(tower, Mapping) and "encoder" in tower for tower in towers)


_MODULE = r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*"
_BOOL = (lambda value: isinstance(value, bool), "True or False")
RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "name": (_pattern(r"[A-Za-z0-9][A-Za-z0-9_-]*"), "letters, digits, '-' and '_', as in 'every-nth'"),
    "summary": (lambda value: isinstance(value, str) and bool(value.strip()) and "\n" not in value, "one line of text"),
    "target": (_pattern(f"{_MODULE}:{_MODULE}"), "text of the form 'package.module:Name'"),
    "files": (_pattern(f"({_MODULE}:{_MODULE})?"), "text of the form 'package.module:name', or empty"),
    **dict.fromkeys(
        ("mock", "recognise", "forms", "suggest"),
        (_pattern(f"({_MODULE}:{_MODULE})?"), "text of the form 'package.module:name', or empty"),
    ),
    "options": (_is_options, "a frozen dataclass, written with @dataclass(frozen=True)"),
    "family": (lambda value: value in get_args(Family), " or ".join(map(repr, get_args(Family)))),
    "paper": (lambda value: isinstance(value, str), "text"),
    "advice": (lambda value: isinstance(value, str) and "\n" not in value, "one line of text, or empty"),
    "deterministic": _BOOL,
    "by_request": _BOOL,
    "sees_val": _BOOL,
    "scaling": (lambda value: value in get_args(Scaling), " or ".join(map(repr, get_args(Scaling)))),
    "quick": (lambda value: isinstance(value, Mapping), "a table of option name -> value"),
    "pairs_per_item": (lambda value: type(value) is int and value >= 0, "a whole number, 0 where it varies"),
    "tries": (lambda value: type(value) is int and value >= 0, "a whole number of at least 0"),
    "side": (lambda value: isinstance(value, str) and value.isidentifier(), "one word, such as 'image' or 'text'"),
    "towers": (_is_towers, "a tower for each side, each with an encoder"),
    "temperature": (lambda value: isinstance(value, int | float) and value > 0, "a number above 0"),
    "file": (_pattern(rf"{_MODULE}:[^:\\]+\.toml"), "'package:file.toml'"),
    "numbers": (_pattern(rf"{_MODULE}:[^:\\]+\.csv"), "'package:file.csv'"),
    "protocols": (_pattern(rf"({_MODULE}:[^:\\]+\.csv)?"), "'package:file.csv', or empty"),
}
"""Field name -> (validator, description used in error messages)."""

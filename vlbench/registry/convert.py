"""Text or a TOML value -> the type an annotation asks for."""

from __future__ import annotations

import collections.abc
import json
import math
import types
import typing
from pathlib import Path
from typing import Any, Literal, Union

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_NAMES = {int: "a whole number", float: "a finite number", bool: "true or false", str: "text", Path: "a path"}
_LISTS = (list, tuple, collections.abc.Sequence)
_DICTS = (dict, collections.abc.Mapping)


class UnfitError(ValueError):
    """A value does not fit; the text says what was expected, as in "a whole number"."""


def convert(given: object, annotation: Any) -> Any:
    """``given`` as the annotation's type: int, float, bool, str, Path, Literal, Optional, tuple, list or dict.

    Text of a list is ``a,b,c``; text of a dict is ``key=value,key=value`` or JSON; ``none`` is None where allowed.

    Raises:
        UnfitError: it does not fit.
        TypeError: the annotation is of no supported kind; the text is the annotation.
    """
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if annotation in (Any, object):
        return _guess(given) if isinstance(given, str) else given
    if origin is Literal:
        return _choice(given, arguments)
    if origin in (Union, types.UnionType):
        return _first_fitting(given, arguments, annotation)
    if annotation in _LISTS or origin in _LISTS:
        return _sequence(given, origin or annotation, arguments)
    if annotation in _DICTS or origin in _DICTS:
        return _dict(given, arguments or (str, object))
    if annotation in _NAMES:
        return _scalar(given, annotation)
    raise TypeError(type_text(annotation))


def type_text(annotation: Any) -> str:
    """The annotation as a user reads it: ``int``, ``one|mean``, ``float or none``, ``list of float``."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return "|".join(str(argument) for argument in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(type_text(argument) for argument in arguments)
    if annotation is type(None):
        return "none"
    if origin in _LISTS:
        inner = [type_text(argument) for argument in arguments if argument is not Ellipsis]
        return f"list of {inner[0]}" if len(set(inner)) == 1 else ",".join(inner)
    if annotation in _DICTS or origin in _DICTS:
        return "key=value,..."
    return str(getattr(annotation, "__name__", annotation))


def _scalar(given: object, kind: type) -> object:
    text = given.strip() if isinstance(given, str) else None
    if kind is bool:
        if isinstance(given, bool):
            return given
        if text is not None and text.lower() in _TRUE | _FALSE:
            return text.lower() in _TRUE
    elif kind is str and isinstance(given, str):
        return given
    elif kind is Path and isinstance(given, str | Path):
        return Path(given)
    elif kind in (int, float) and not isinstance(given, bool):
        return _number(text if text is not None else given, kind)
    raise UnfitError(_NAMES[kind])


def _number(given: object, kind: type) -> int | float:
    try:
        if kind is int and isinstance(given, str | int):
            return int(given)
        if kind is float and isinstance(given, str | int | float):
            number = float(given)
            if math.isfinite(number):
                return number
    except (ValueError, OverflowError):
        pass
    raise UnfitError(_NAMES[kind])


def _choice(given: object, choices: tuple[object, ...]) -> object:
    for choice in choices:
        same = given == choice and type(given) is type(choice)
        as_text = str(choice).lower() if isinstance(choice, bool) or choice is None else str(choice)
        if same or (isinstance(given, str) and given.strip() == as_text):
            return choice
    raise UnfitError("one of its choices")


def _first_fitting(given: object, members: tuple[Any, ...], annotation: Any) -> object:
    if type(None) in members and (given is None or (isinstance(given, str) and given.strip().lower() == "none")):
        return None
    # str takes any text, so it is asked last; otherwise `str | int` could never give an int.
    for member in sorted((m for m in members if m is not type(None)), key=lambda m: m is str):
        try:
            return convert(given, member)
        except ValueError:
            continue
    raise UnfitError(type_text(annotation))


def _sequence(given: object, container: Any, arguments: tuple[Any, ...]) -> object:
    if isinstance(given, str):
        text = given.strip()
        parts = _json(text, "a list") if text.startswith("[") else list(filter(None, text.split(",")))
    elif isinstance(given, list | tuple):
        parts = list(given)
    else:
        raise UnfitError("a list, as in a,b,c")
    if container is tuple and arguments and Ellipsis not in arguments:
        if len(parts) != len(arguments):
            raise UnfitError(f"a list of {len(arguments)} values")
        return tuple(convert(part, argument) for part, argument in zip(parts, arguments, strict=True))
    inner = arguments[0] if arguments else object
    values = [convert(part, inner) for part in parts]
    return values if container is list else tuple(values)


def _json(text: str, expected: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        raise UnfitError(f"{expected} in JSON") from None


def _dict(given: object, arguments: tuple[Any, ...]) -> dict[Any, Any]:
    if isinstance(given, str):
        text = given.strip()
        if text.startswith("{"):
            given = _json(text, "a table")
        else:
            pairs = [part.partition("=") for part in text.split(",") if part]
            if not all(key and separator for key, separator, _ in pairs):
                raise UnfitError("a table, as in key=value,key=value")
            given = {key.strip(): value for key, _, value in pairs}
    if not isinstance(given, collections.abc.Mapping):
        raise UnfitError("a table, as in key=value,key=value")
    return {convert(key, arguments[0]): convert(value, arguments[1]) for key, value in given.items()}


def _guess(text: str) -> object:
    for kind in (int, float):
        try:
            return _number(text.strip(), kind)
        except ValueError:
            continue
    return {"true": True, "false": False, "none": None}.get(text.strip().lower(), text)

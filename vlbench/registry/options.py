"""Options of a plugin: a frozen dataclass, filled from the command line, from TOML or from a record."""

from __future__ import annotations

import copy
import dataclasses
import typing
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from vlbench.errors import OptionError, PluginError, VlbenchError
from vlbench.registry.convert import UnfitError, convert, type_text
from vlbench.registry.ranges import Range
from vlbench.registry.suggestions import unknown_name

Options = TypeVar("Options")


_ADDED_LATER = "added later"


@dataclass(frozen=True)
class NoOptions:
    """What a plugin without options declares."""


class OptionRow(NamedTuple):
    """One option as ``vlbench methods NAME`` prints it; all fields are text."""

    name: str
    type: str
    default: str
    help: str


def option(
    default: Any = dataclasses.MISSING,
    *,
    help: str,
    choices: Sequence[object] = (),
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
    added_later: bool = False,
) -> Any:
    """A field of an options dataclass, with the help and the range that ``vlbench methods NAME`` shows.

    Args:
        default: the value when nothing is given; a list or dict is copied for each instance. Left out, the option
            must be given.
        help: one sentence, with the unit if there is one.
        choices: the only values allowed; empty for any.
        minimum: the least number allowed; of a list, for each of its numbers.
        maximum: the greatest number allowed.
        above: as ``minimum``, but the limit itself is not allowed.
        below: as ``maximum``, but the limit itself is not allowed.
        added_later: rows were made before the option was there. Records leave it out while it has its default, so that
            those rows are found, and stand in one line with new ones.

    Raises:
        vlbench.errors.PluginError: the default is outside of the range.

    Returns:
        what :func:`dataclasses.field` does. A value that does not fit is refused with
        :class:`vlbench.errors.OptionError` when the command is given.

    Examples:
        >>> from dataclasses import dataclass
        >>> import vlbench
        >>> @dataclass(frozen=True)
        ... class MyOptions:
        ...     start: int = vlbench.option(0, minimum=0, help="index of the first pair kept")
        >>> MyOptions().start
        0
    """
    limits = Range(minimum, maximum, above, below)
    if not limits.holds(default):
        raise PluginError(f"an option's default is {default!r}, its range {limits}. Give a default within the range.")
    metadata = {"help": help, "choices": tuple(choices), "range": limits, _ADDED_LATER: added_later}
    if isinstance(default, list | dict | set):
        return dataclasses.field(default_factory=lambda: copy.deepcopy(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def recorded(options: Any) -> dict[str, Any]:
    """Options as records have them: without those that were added later and have their default.

    Examples:
        >>> from dataclasses import dataclass
        >>> import vlbench
        >>> from vlbench.registry.options import recorded
        >>> @dataclass(frozen=True)
        ... class MyOptions:
        ...     start: int = 0
        ...     stride: int = vlbench.option(1, help="between two pairs", added_later=True)
        >>> recorded(MyOptions()), recorded(MyOptions(stride=2))
        ({'start': 0}, {'start': 0, 'stride': 2})
    """
    left_out = {
        field.name
        for field in dataclasses.fields(options)
        if field.metadata.get(_ADDED_LATER) and getattr(options, field.name) == field.default
    }
    return {name: value for name, value in dataclasses.asdict(options).items() if name not in left_out}


def parse_options(options_type: type[Options], given: Mapping[str, object], *, owner: str, hint: str = "") -> Options:
    """An instance of ``options_type`` from names and values, where text is converted by the field's annotation.

    Args:
        options_type: a dataclass.
        given: option name -> text of the command line, or a typed value of TOML or Python.
        owner: who has these options, for errors, as in ``"method 'vldd'"``.
        hint: the command that describes them, as in ``"vlbench methods vldd"``.

    Raises:
        UnknownNameError: a name is no option; the nearest one is named.
        OptionError: a value does not fit its type, choices or range, or a required option is missing.
        PluginError: an annotation is of a kind that options cannot have.
    """
    fields = _fields(options_type)
    for name in given:
        if name not in fields:
            raise unknown_name(f"option of {owner}", name, fields, hint=hint)
    hints = _hints(options_type)
    values = {name: _value(fields[name], hints[name], given[name], owner) for name in given}
    missing = [name for name, field in fields.items() if name not in given and _is_required(field)]
    if missing:
        example = " ".join(f"-o {name}=VALUE" for name in missing)
        raise OptionError(f"{owner} needs a value for {', '.join(missing)}. Give it, as in {example}.")
    try:
        return options_type(**values)
    except VlbenchError:
        raise
    except (TypeError, ValueError) as error:
        raise OptionError(f"{owner}: {error}") from error


def describe(options_type: type) -> list[OptionRow]:
    """Name, type, default and help of every option, in the order declared."""
    hints = _hints(options_type)
    return [
        OptionRow(name, _allowed(field, hints[name]), _default_text(field), str(field.metadata.get("help", "")))
        for name, field in _fields(options_type).items()
    ]


def without_repeats(rows: Sequence[OptionRow]) -> tuple[list[OptionRow], list[str]]:
    """Rows without what three or more of them say after a semicolon, and that once, as lines to print below."""
    tails = Counter(row.help.rpartition("; ")[2] for row in rows if "; " in row.help)
    repeated = [tail for tail, count in tails.items() if count > 2]
    shorter = [row._replace(help=_without(row.help, repeated)) for row in rows]
    return shorter, [f"{tail}, unless said otherwise." for tail in repeated]


def _without(text: str, tails: Sequence[str]) -> str:
    return text.rpartition("; ")[0] if text.rpartition("; ")[2] in tails else text


def options_for_each(given: Mapping[str, object], options_types: Mapping[str, type]) -> dict[str, dict[str, object]]:
    """Hand options of one command line to the methods it names.

    ``method.key`` goes to that method only. A bare ``key`` goes to every method that declares it, and is an error
    if none does.

    Args:
        given: key or method.key -> value.
        options_types: method name -> its options dataclass.
    """
    result: dict[str, dict[str, object]] = {method: {} for method in options_types}
    for bare_first in (True, False):
        for key, value in given.items():
            method, dot, name = key.rpartition(".")
            if bool(dot) is bare_first:
                continue
            for target in [method] if dot else _declaring(key, options_types):
                if target not in result:
                    raise unknown_name(f"method in this run (in option {key})", target, options_types)
                result[target][name] = value
    return result


def _declaring(key: str, options_types: Mapping[str, type]) -> list[str]:
    methods = [method for method, options_type in options_types.items() if key in _fields(options_type)]
    if not methods:
        names = {name for options_type in options_types.values() for name in _fields(options_type)}
        owners = " or ".join(repr(method) for method in options_types)
        raise unknown_name(
            f"option of method {owners}", key, names, hint=f"vlbench methods {next(iter(options_types), '')}"
        )
    return methods


def _fields(options_type: type) -> dict[str, dataclasses.Field[Any]]:
    if not dataclasses.is_dataclass(options_type):
        raise PluginError(f"options {options_type!r} is not a dataclass. Write @dataclass(frozen=True) above it.")
    return {field.name: field for field in dataclasses.fields(options_type) if field.init}


def _hints(options_type: type) -> dict[str, Any]:
    try:
        return typing.get_type_hints(options_type)
    except NameError as error:
        raise PluginError(
            f"options {options_type.__name__}: {error}. Annotations of options must be importable at run time."
        ) from error


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _value(field: dataclasses.Field[Any], annotation: Any, given: object, owner: str) -> object:
    try:
        value = convert(given, annotation)
    except UnfitError as error:
        raise OptionError(
            f"{owner}: option {field.name}={given!r} is not {error}. Allowed: {_allowed(field, annotation)}."
        ) from None
    except TypeError as error:
        raise PluginError(f"{owner}: option {field.name} is declared as {error}, which options cannot have.") from None
    choices = field.metadata.get("choices", ())
    if choices and value not in choices:
        raise OptionError(
            f"{owner}: option {field.name}={given!r} is not one of its choices. Allowed: {_allowed(field, annotation)}."
        )
    if not _range(field).holds(value):
        raise OptionError(
            f"{owner}: option {field.name}={given!r} is outside of its range. Allowed: {_allowed(field, annotation)}."
        )
    return value


def _range(field: dataclasses.Field[Any]) -> Range:
    found: Range = field.metadata.get("range", Range())
    return found


def _allowed(field: dataclasses.Field[Any], annotation: Any) -> str:
    choices = field.metadata.get("choices", ())
    kind = "|".join(str(choice) for choice in choices) if choices else type_text(annotation)
    return ", ".join(filter(None, (kind, str(_range(field)))))


def _default_text(field: dataclasses.Field[Any]) -> str:
    if _is_required(field):
        return "required"
    default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
    if isinstance(default, str):
        return default or '""'
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, tuple | list):
        return ",".join(str(item) for item in default) or "empty"
    return "empty" if default == {} else str(default).lower() if default is None else str(default)

"""Find a suite by name or file, put overrides in, and check it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.errors import ProtocolError
from vlbench.protocol.form import check_tables
from vlbench.protocol.protocol import Protocol, parse_protocol

if TYPE_CHECKING:
    from vlbench.registry.registry import Registry

LARGEST = 1 << 20
"""Bytes of a suite's file."""
_NAMES_WEIGHTS = {"encoder", "options", "model", "name", "weights", "folder", "arguments"}
"""Keys of a tower whose change means other weights than those that the suite states a hash of."""


def load_protocol(suite: str, registry: Registry, overrides: Mapping[str, str] | None = None) -> Protocol:
    """The protocol of a shipped suite, or of a TOML file of the user's.

    Args:
        suite: a declared name, or a path that ends in ``.toml``.
        registry: knows the names.
        overrides: dotted key -> TOML value as text, as in ``{"training.seeds": "1"}``. ``student.KEY`` is KEY in every
            setting that students are trained with.

    Raises:
        UnknownNameError: no suite, or no declared student, of that name.
        ProtocolError: the file is missing or no TOML, or an override names a key that is not there.
    """
    if suite.endswith(".toml"):
        path = Path(suite)
        if not path.is_file():
            raise ProtocolError(
                f"no suite file {suite!r}. Give the path of a TOML file, or a name from: vlbench suites"
            )
        where, text = path.name, _text(path)
    else:
        where, text = suite, registry.get("suite", suite).read_text()
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers of thousands of digits, and nesting without an end
        raise ProtocolError(f"suite {where} is no valid TOML: {str(error)[:200]}.") from None
    try:
        return _protocol(table, registry, where, overrides or {})
    except (TypeError, ValueError, KeyError, AttributeError, RecursionError) as error:
        raise ProtocolError(
            f"suite {where}: a value is of another type than a suite has there ({type(error).__name__}: {error})."
        ) from None


def _protocol(table: dict[str, Any], registry: Registry, where: str, overrides: Mapping[str, str]) -> Protocol:
    check_tables(table, where)
    table.setdefault("rows", {})
    _write_out_students(table, registry)
    for key, value in overrides.items():
        _override(table, key, value)
        _write_out_students(table, registry)
    check_tables(table, where)
    return parse_protocol(table, where=where, overrides=overrides)


def _text(path: Path) -> str:
    if path.stat().st_size > LARGEST:
        raise ProtocolError(f"suite {path.name} is larger than {LARGEST >> 20} MB.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ProtocolError(f"suite {path.name} is not UTF-8 (byte {error.start}). Save it as UTF-8.") from None


def other_students(scored: Iterable[str], suite: str, registry: Registry) -> tuple[str, ...]:
    """Which of the students that a record has scores of are not those of its suite."""
    own = load_protocol(suite, registry).students
    return tuple(name for name in scored if name not in own)


def _write_out_students(table: dict[str, Any], registry: Registry) -> None:
    """Put the table of a declared student where one is named, so that the protocol's hash is of what it is."""
    students = table.get("students")
    if isinstance(students, dict):
        for name, value in students.items():
            students[name] = registry.get("student", value).table() if isinstance(value, str) else value


def _override(table: dict[str, Any], key: str, text: str) -> None:
    *folders, last = key.split(".")
    if folders == ["student"]:
        _override_settings(table, last, _value(text))
        return
    at: Any = table
    for folder in folders:
        at = (
            at[int(folder)]
            if isinstance(at, list) and folder.isdigit() and int(folder) < len(at)
            else _inside(at, folder, key)
        )
    if not isinstance(at, dict):
        raise ProtocolError(f"--set {key}: the suite has no such key.")
    at[last] = _value(text)
    if len(folders) >= 3 and folders[0] == "students" and last in _NAMES_WEIGHTS:
        table["students"][folders[1]][folders[2]].pop("sha256", None)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        return text


def _override_settings(table: dict[str, Any], key: str, value: Any) -> None:
    """One value in every setting of the grid; settings that are equal then are one."""
    instead = {"steps": {"epochs": 0}, "epochs": {"steps": 0}}.get(key, {})
    training = table.get("training", {})
    grid = [{**setting, **instead, key: value} for setting in training.get("grid", [])]
    training["grid"] = [setting for at, setting in enumerate(grid) if setting not in grid[:at]]


def _inside(at: Any, folder: str, key: str) -> Any:
    if not isinstance(at, dict) or folder not in at:
        there = (
            ", ".join(at)
            if isinstance(at, dict)
            else f"positions 0 to {len(at) - 1}"
            if isinstance(at, list)
            else "nothing"
        )
        raise ProtocolError(f"--set {key}: there is no {folder!r}. There is: {there}.")
    return at[folder]

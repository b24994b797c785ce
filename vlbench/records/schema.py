"""The form of a record: its JSON Schema, which ships as ``record.schema.json``, and the way up from older versions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

SCHEMA = 3
FILE_NAME = "record.schema.json"
MOST = 20
"""Problems told of one record."""

Record = dict[str, Any]


def schema_problems(record: Mapping[str, Any]) -> list[str]:
    """Where a record of the newest schema departs from its form, one line each with the place; empty if nowhere."""
    return [_line(error) for error in islice(_validator().iter_errors(record), MOST)]


def upgrade(record: Mapping[str, Any]) -> Record:
    """A record of any schema there was, in the form of the newest; of an unknown one, unchanged."""
    upgraded = dict(record)
    while (step := _STEPS.get(_version(upgraded))) is not None:
        upgraded = step(upgraded)
    return upgraded


def _version(record: Mapping[str, Any]) -> int:
    version = record.get("schema")
    return version if isinstance(version, int) and not isinstance(version, bool) else 0


def _from_1(record: Record) -> Record:
    """Schema 2 keeps the rank of every query beside the record and names the student that methods saw.

    Under schema 1 that was the first one scored; everything that schema 1 has means the same.
    """
    scores = record.get("scores")
    reference = {"reference": next(iter(scores))} if isinstance(scores, dict) and scores else {}
    return {**reference, **record, "schema": 2}


def _from_2(record: Record) -> Record:
    """Schema 3 names the clipping of a chosen setting; there was none before."""
    upgraded = {**record, **_with_clip(record)}
    if isinstance(record.get("start"), dict):
        upgraded["start"] = {**record["start"], **_with_clip(record["start"])}
    return {**upgraded, "schema": 3}


def _with_clip(part: Record) -> Record:
    chosen = part.get("chosen")
    if not isinstance(chosen, dict):
        return {}
    return {"chosen": {name: {"clip": 0.0, **old} if isinstance(old, dict) else old for name, old in chosen.items()}}


_STEPS: dict[int, Callable[[Record], Record]] = {1: _from_1, 2: _from_2}


@cache
def _validator() -> Validator:
    from jsonschema import Draft202012Validator

    text = files("vlbench.records").joinpath(FILE_NAME).read_text(encoding="utf-8")
    return Draft202012Validator(json.loads(text))


def _line(error: Any) -> str:
    """One line; what was found there is cut, since it may be a stranger's and long."""
    message = " ".join(str(error.message).split())
    return f"{error.json_path}: {message if len(message) <= 200 else message[:197] + '...'}"

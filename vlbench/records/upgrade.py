"""Records of older schemas in the form of the newest.

Strangers send them, so every step accepts JSON values of any form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Table = dict[str, Any]
BASELINES_UNTIL_3 = ["random", "mean-caption"]
"""What every protocol showed by default, before records said so."""
RENAMED_IN_4 = {"always_on": "baseline", "beside": "matched_to"}
RENAMED_SETTINGS = {"rate": "learning_rate", "passes": "epoch_over", "clip": "max_grad_norm"}
"""Settings of a recipe in version 0.1 -> their names since."""


def upgrade(table: Mapping[str, Any]) -> Table:
    """A record of any schema there was, in the form of the newest; of an unknown one, unchanged."""
    upgraded = dict(table)
    while (step := _STEPS.get(_version(upgraded))) is not None:
        upgraded = step(upgraded)
    return upgraded


def _version(table: Mapping[str, Any]) -> int:
    version = table.get("schema")
    return version if isinstance(version, int) and not isinstance(version, bool) else 0


def _from_1(table: Table) -> Table:
    """Schema 2 keeps the rank of every query next to the record and names the student that methods saw.

    Under schema 1 that was the first one scored; everything that schema 1 has means the same.
    """
    scores = table.get("scores")
    reference = {"reference": next(iter(scores))} if isinstance(scores, dict) and scores else {}
    return {**reference, **table, "schema": 2}


def _from_2(table: Table) -> Table:
    """Schema 3 names the clipping of a chosen setting; there was none before."""
    return {**_parts(table, "chosen", _with_clip), "schema": 3}


def _from_3(table: Table) -> Table:
    """Schema 4 has the directions of a student's scores in a table of their own, better names, and the baselines."""
    table = _parts(table, "scores", _with_directions)
    table = {name if (new := RENAMED_IN_4.get(name, name)) in table else new: table[name] for name in table}
    table = {"deterministic": table.get("method") == "full", "baselines": BASELINES_UNTIL_3, **table, "schema": 4}
    return {**table, "family": "none"} if table.get("family") == "reference" else table


def _from_4(table: Table) -> Table:
    """Schema 5 calls the settings of a recipe by the words of the field."""
    return {**_parts(table, "chosen", _with_new_names), "schema": 5}


def _parts(table: Table, field: str, change: Callable[[Table], Table]) -> Table:
    """The same change of every student's ``field``, in the record and in its start."""
    changed = dict(table)
    if isinstance(of_students := table.get(field), dict):
        changed[field] = {name: change(one) if isinstance(one, dict) else one for name, one in of_students.items()}
    if isinstance(start := table.get("start"), dict):
        changed["start"] = _parts(start, field, change)
    return changed


def _with_clip(setting: Table) -> Table:
    return {"clip": 0.0, **setting}


def _with_directions(scores: Table) -> Table:
    directions = {name: cuts for name, cuts in scores.items() if name != "mean_recall"}
    return {"directions": directions, **{name: scores[name] for name in ("mean_recall",) if name in scores}}


def _with_new_names(setting: Table) -> Table:
    return {RENAMED_SETTINGS.get(name, name): value for name, value in setting.items()}


_STEPS: dict[int, Callable[[Table], Table]] = {1: _from_1, 2: _from_2, 3: _from_3, 4: _from_4}

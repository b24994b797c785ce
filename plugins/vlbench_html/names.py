"""Addresses inside the page: of a suite's section, and of a row's page."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping

from vlbench.board import Group, Row

MEAN_RECALL, FULL, UNBUDGETED = "mean", "full", ("full", "chance")
"""A column, and rows, as :class:`vlbench.board.Row` names them."""


def suite_id(group: Group) -> str:
    """The section of a suite under one protocol on one dataset."""
    return f"{_slug(group.suite)}-{_hash([group.suite, group.protocol_hash, group.data_fingerprint], 6)}"


def row_id(group: Group, row: Row) -> str:
    """A row's page: the same for the same row on every board."""
    options: Mapping[str, object] = row.records[0].options if row.records else row.options
    key = [
        group.suite,
        group.protocol_hash,
        group.data_fingerprint,
        group.budget_name,
        group.student,
        group.encoders,
        row.method,
    ]
    parts = "-".join(_slug(text) for text in (row.method, group.budget_name, group.suite))
    of_claim = [row.origin, row.records[0].seed] if row.origin and row.records else []
    return f"{parts}-{_hash([*key, dict(options), row.status == 'finished', *of_claim], 8)}"


def file_name(text: str, unique: str) -> str:
    """A name for a file that holds nothing but letters, digits and dashes, whatever a record says."""
    return f"{_slug(text)}-{_hash([text, unique], 8)}"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:32] or "x"


def _hash(value: object, length: int) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]

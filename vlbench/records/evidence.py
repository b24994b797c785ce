"""How far a claim has been checked: evidence that verify and replay leave next to a record, and a board shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vlbench.files import write_whole

SELF_REPORTED, RE_EVALUATED, REPRODUCED = BADGES = ("self-reported", "re-evaluated", "reproduced")
"""Only checked in itself; students were trained again and agree; the method was run again and agrees. Weakest first."""
EVIDENCE = "verification.json"


def read_evidence(folder: Path) -> dict[str, Any]:
    """The evidence next to a record; empty if there is none, or if it is of another record than the one there."""
    try:
        evidence = json.loads((folder / EVIDENCE).read_text(encoding="utf-8"))
        digest = hashlib.sha256((folder / "record.json").read_bytes()).hexdigest()
    except (OSError, ValueError, RecursionError):
        return {}
    fits = isinstance(evidence, dict) and evidence.get("record_sha256") == digest and evidence.get("badge") in BADGES
    return evidence if fits else {}


def write_evidence(folder: Path, evidence: Mapping[str, Any]) -> None:
    """Leave evidence next to a record."""
    write_whole(folder / EVIDENCE, (json.dumps(evidence, indent=1, allow_nan=False) + "\n").encode())


def weakest(badges: Iterable[str]) -> str:
    """The badge of several records together; "" if any has none."""
    found = list(badges)
    return "" if "" in found or not found else min(found, key=BADGES.index)

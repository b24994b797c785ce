"""How far a claim has been checked: evidence that verify and replay leave next to a record, and a board shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vlbench.files import read_plain, write_whole

SELF_REPORTED, RE_EVALUATED, REBUILT = BADGES = ("self-reported", "re-evaluated", "rebuilt")
"""Weakest first."""
PROVES = {
    SELF_REPORTED: "bundle and record hold together. Not that anybody trained a student on the artifact.",
    RE_EVALUATED: "students trained again on the artifact agree. Not that the method made it, nor what that took.",
    REBUILT: "the method's code, run again, made the same artifact bit by bit. Not that its code never saw test.",
}
"""Badge -> what it says, and what it does not prove."""
EVIDENCE, ORIGIN = "verification.json", "origin.json"


def read_evidence(folder: Path) -> dict[str, Any]:
    """The evidence next to a record; empty if there is none, or if it is of another record than the one there."""
    try:
        evidence = json.loads(read_plain(folder / EVIDENCE).decode())
        digest = hashlib.sha256(read_plain(folder / "record.json")).hexdigest()
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


def origin_of(folder: Path) -> str:
    """Whose run lies in a folder: "" for one's own, else the claim that was unpacked there, by its hash."""
    digest = read_evidence(folder).get("manifest_sha256", "")
    if (folder / ORIGIN).exists():
        try:
            digest = json.loads(read_plain(folder / ORIGIN).decode())["manifest_sha256"] or "unknown"
        except (OSError, ValueError, RecursionError, KeyError, TypeError):
            digest = digest or "unknown"
    return f"claim {str(digest)[:8]}" if digest else ""


def write_origin(folder: Path, manifest: Mapping[str, Any], bundle: Path) -> None:
    """Write down that what lies in a folder is a stranger's."""
    about = {"manifest_sha256": manifest["sha256"], "bundle": bundle.name}
    write_whole(folder / ORIGIN, (json.dumps(about, indent=1) + "\n").encode())


def declared_deterministic(evidence: Mapping[str, Any]) -> bool:
    """Whether the check of a claim found its method declared here, and all that the claim says of it true."""
    checks = evidence.get("checks")
    return isinstance(checks, list) and any(
        isinstance(check, dict) and check.get("name") == "method" and check.get("outcome") == "ok" for check in checks
    )

"""The audit that nobody has to ask for: learned pairs that lie nearer to test items than train items do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlbench.artifacts.artifact import DistilledPairs
from vlbench.files import write_whole
from vlbench.runs.leaks import audit

if TYPE_CHECKING:
    from vlbench.artifacts.artifact import Artifact
    from vlbench.runs.session import Session

FILE_NAME = "audit.json"
MOST = 4000
"""Train items that pairs are compared with."""


def audit_flags(artifact: Artifact, session: Session) -> list[str]:
    """Looks by which the pairs resemble test items, see :func:`vlbench.runs.leaks.audit`; none for real pairs.

    While a method is tuned on val, test is not read, and nothing is flagged.
    """
    return [look for look, found in _audit(artifact, session).items() if found["flag"]]


def write_audit(folder: Path, artifact: Artifact, session: Session) -> None:
    """Write what the audit found beside a run's artifact, where it holds learned pairs; a board shows its flags."""
    found = _audit(artifact, session)
    if found:
        numbers = {look: {name: one[name] for name in ("near", "expected", "p_value")} for look, one in found.items()}
        content = {"flags": [look for look, one in found.items() if one["flag"]], "looks": numbers}
        write_whole(folder / FILE_NAME, json.dumps(content, indent=1).encode())


def _audit(artifact: Artifact, session: Session) -> dict[str, Any]:
    if not isinstance(artifact, DistilledPairs) or session.protocol.training.split != "test":
        return {}
    return audit(artifact, session, most=MOST)

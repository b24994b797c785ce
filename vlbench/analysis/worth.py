"""A learning curve as a table, and what finished runs are worth along it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vlbench.errors import DataError
from vlbench.records.curve import Curve
from vlbench.records.record import Record, read_record
from vlbench.runs.session import Session

SHARES = (0.5, 0.75, 0.9)


def summary(curve: Curve, session: Session, runs: Path | None) -> dict[str, Any]:
    """The curve, the pairs that shares of its last score take, and the worth of runs of the same protocol.

    Raises:
        DataError: the folder of runs holds none of this protocol.
    """
    last = curve.means[-1]
    rows = zip(curve.sizes, curve.means, curve.scores, strict=True)
    return {
        "suite": session.protocol.name,
        "curve": [{"pairs": n, "mean": mean, "seeds": list(seeds), "share": mean / last} for n, mean, seeds in rows],
        "pairs_for_share": {str(share): curve.worth(share * last) for share in SHARES},
        "runs": _runs(curve, session, runs) if runs is not None else [],
    }


def _runs(curve: Curve, session: Session, folder: Path) -> list[dict[str, Any]]:
    found = [read_record(path.parent) for path in sorted(folder.glob("*/record.json"))]
    rows = [_row(curve, record, session) for record in found if _fits(record, session)]
    if not rows:
        raise DataError(f"{folder} holds no finished run of suite {session.protocol.name!r} as it is now.")
    return sorted(rows, key=lambda row: -float(row["worth"]))


def _fits(record: Record, session: Session) -> bool:
    same = record.protocol_hash == session.protocol.hash and record.data_fingerprint == session.dataset.fingerprint
    return same and record.status == "finished" and bool(record.chosen)


def _row(curve: Curve, record: Record, session: Session) -> dict[str, Any]:
    recall = record.scores[session.protocol.reference].mean_recall
    return {
        "method": record.method,
        "budget": record.budget,
        "seed": record.seed,
        "mean": recall.mean,
        "worth": curve.worth(recall.mean),
        "interval": curve.interval(recall.seeds),
    }

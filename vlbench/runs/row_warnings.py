"""What a row says against its own method, in a sentence each, with what to try."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vlbench.records.record import Record
    from vlbench.registry.specs import MethodSpec

TENTH = 10
"""The mean of the first and of the last tenth of a loss are compared, of at least one step each."""


def row_warnings(record: Record, spec: MethodSpec) -> Iterator[str]:
    """A distilled row that ends below its own start, and losses that rose."""
    advice = spec.advice or f"Try smaller learning rates or other options: vlbench methods {spec.name}."
    student = record.reference
    start = record.start.scores.get(student) if record.start is not None else None
    if start is not None and student in record.scores:
        before, after = start.mean_recall.mean, record.scores[student].mean_recall.mean
        if after < before:
            yield (
                f"It ends at a mean recall of {after:.1f}, below its own start, {before:.1f}: the real pairs it began "
                f"with are the better set. {advice}"
            )
    for name, values in record.curves.items():
        if name.endswith("loss") and len(values) > 1:
            first, last = _ends(values)
            if last > first:
                yield f"Its curve {name!r} rose from {first:.3g} to {last:.3g}. {advice}"


def _ends(values: Sequence[float]) -> tuple[float, float]:
    count = max(1, len(values) // TENTH)
    return sum(values[:count]) / count, sum(values[-count:]) / count

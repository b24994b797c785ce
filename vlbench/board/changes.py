"""What changed between two boards, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlbench.board import format as wording
from vlbench.board.statistics.samples import MEAN_RECALL
from vlbench.board.table import Group, Row, Table
from vlbench.records.record import FoundRecord

NEW, GONE, CHANGED, MOVED = "new", "gone", "changed", "moved"
_NAMED = 3


@dataclass(frozen=True)
class Standing:
    """How a row stood: its status, mean recall in percent (None where it has none), and rank ("" where unranked)."""

    status: str
    mean: float | None
    rank: str


@dataclass(frozen=True)
class Change:
    """A row that is not as it was.

    Attributes:
        kind: ``new``, ``gone``, ``changed`` (other runs or scores) or ``moved`` (only its rank is another).
        method, options: which row; the options are those that tell it from its siblings.
        old, new: how it stood; None where it was or is not there.
        why: reasons, most telling first.
    """

    kind: str
    method: str
    options: Mapping[str, Any]
    old: Standing | None
    new: Standing | None
    why: tuple[str, ...]


@dataclass(frozen=True)
class GroupChanges:
    """A table in which something changed: its title, what is true of all of it, and its rows."""

    title: str
    notes: tuple[str, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class BoardChanges:
    """All that changed, and how many rows did not."""

    groups: tuple[GroupChanges, ...]
    unchanged: int


_GroupKey = tuple[str, ...]


def board_changes(old: Table, new: Table) -> BoardChanges:
    """What changed; rows are matched by suite, protocol, data, budget, student, method and options."""
    before, after = _by_key(old), _by_key(new)
    groups, unchanged = [], 0
    for key in dict.fromkeys([*after, *before]):
        one, other = before.get(key), after.get(key)
        changes = _changes(_rows(one), _rows(other))
        unchanged += len(_rows(one).keys() & _rows(other).keys()) - sum(1 for c in changes if c.old and c.new)
        shown = other or one
        if changes and shown is not None:
            notes = _other_protocol(key, before, after) if one is None or other is None else ()
            groups.append(GroupChanges(wording.title(shown), notes, tuple(changes)))
    return BoardChanges(tuple(groups), unchanged)


def _by_key(table: Table) -> dict[_GroupKey, Group]:
    return {
        (
            group.suite,
            group.budget_name,
            group.student,
            group.protocol_hash,
            group.data_fingerprint,
        ): group
        for group in table.groups
    }


def _other_protocol(
    key: _GroupKey, before: Mapping[_GroupKey, Group], after: Mapping[_GroupKey, Group]
) -> tuple[str, ...]:
    """Why a table has no counterpart, where there is one of the same name under other rules."""
    here, there = (after, before) if key in after else (before, after)
    board = "OLD" if here is after else "NEW"
    twins = [group for other, group in there.items() if other[:3] == key[:3] and other not in here]
    return tuple(
        f"Not comparable with the table of this name in {board}: {'; '.join(_different(here[key], twin))}."
        for twin in twins
    )


def _different(here: Group, twin: Group) -> Iterator[str]:
    if here.protocol_hash != twin.protocol_hash:
        yield f"the protocol is {here.protocol_hash[:8]} here and {twin.protocol_hash[:8]} there"
    if here.protocol_version != twin.protocol_version:
        yield f"its version {here.protocol_version or 'none'} and {twin.protocol_version or 'none'}"
    for name in sorted({*here.overrides, *twin.overrides}):
        one, other = here.overrides.get(name, "as its file"), twin.overrides.get(name, "as its file")
        if one != other:
            yield f"{name} {one} and {other}"
    if here.data_fingerprint != twin.data_fingerprint:
        yield f"the data {here.data_fingerprint[:8] or 'unknown'} and {twin.data_fingerprint[:8] or 'unknown'}"


def _rows(group: Group | None) -> dict[str, Row]:
    return {_row_key(row): row for row in group.rows} if group else {}


def _row_key(row: Row) -> str:
    return json.dumps([row.method, row.records[0].options, row.status == "finished"], sort_keys=True)


def _changes(before: Mapping[str, Row], after: Mapping[str, Row]) -> list[Change]:
    causes = []
    found: dict[str, Change] = {}
    for key in dict.fromkeys([*after, *before]):
        one, other = before.get(key), after.get(key)
        kind = NEW if one is None else GONE if other is None else CHANGED
        why = _reasons(_runs(one), _runs(other))
        row = other or one
        if why and row is not None:
            found[key] = Change(kind, row.method, row.options, _standing(one), _standing(other), why)
            causes.append(f"{row.method} {'is ' if kind != CHANGED else ''}{kind}")
    around = (_several(causes),) if causes else ()
    for key in before.keys() & after.keys() - found.keys():
        one, other = before[key], after[key]
        if _standing(one) != _standing(other):
            found[key] = Change(MOVED, other.method, other.options, _standing(one), _standing(other), around)
    order = [*after, *(key for key in before if key not in after)]
    return [found[key] for key in order if key in found]


def _standing(row: Row | None) -> Standing | None:
    if row is None:
        return None
    return Standing(row.status, row.scores[MEAN_RECALL].mean if row.scores else None, row.rank)


def _runs(row: Row | None) -> dict[int, FoundRecord]:
    return {record.seed: record for record in row.records} if row else {}


def _reasons(before: Mapping[int, FoundRecord], after: Mapping[int, FoundRecord]) -> tuple[str, ...]:
    """In which runs a row differs; empty where in none."""
    added = [seed for seed in after if seed not in before]
    lost = [seed for seed in before if seed not in after]
    reasons = [f"{_plural(len(added), 'new run')} ({_seeds(added)})"] if added else []
    reasons += [f"{_plural(len(lost), 'run')} gone ({_seeds(lost)})"] if lost else []
    for seed in before.keys() & after.keys():
        if before[seed].scores != after[seed].scores:
            reasons.append(f"seed {seed} scored anew{_versions(before[seed], after[seed])}")
    return tuple(reasons)


def _versions(old: FoundRecord, new: FoundRecord) -> str:
    one, other = old.environment.versions, new.environment.versions
    changed = [
        f"{name} {one.get(name, 'none')} -> {other.get(name, 'none')}"
        for name in {**one, **other}
        if one.get(name) != other.get(name)
    ]
    return f" ({_several(changed)})" if changed else ""


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'' if len(seeds) == 1 else 's'} {', '.join(map(str, seeds))}"


def _several(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return ", ".join(texts[:_NAMED]) + more

"""What changed between two boards, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vlbench.board import format as wording
from vlbench.board.leaderboard import MEAN_RECALL, Group, Row, Table
from vlbench.board.statistics.samples import Record

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
class GroupChange:
    """A table in which something changed: what it is, what is true of all of it, and its rows."""

    where: str
    notes: tuple[str, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Difference:
    """All that changed, and how many rows did not."""

    groups: tuple[GroupChange, ...]
    unchanged: int


_GroupKey = tuple[str, ...]


def compare(old: Table, new: Table) -> Difference:
    """What changed; rows are matched by suite, protocol, data, budget, student, method and options."""
    before, after = _by_key(old), _by_key(new)
    groups, unchanged = [], 0
    for key in dict.fromkeys([*after, *before]):
        one, other = before.get(key), after.get(key)
        changes = _changes(_rows(one), _rows(other))
        unchanged += len(_rows(one).keys() & _rows(other).keys()) - sum(1 for c in changes if c.old and c.new)
        if changes:
            notes = _other_protocol(key, before, after) if one is None or other is None else ()
            shown = other or one
            assert shown is not None
            groups.append(GroupChange(wording.title(shown), notes, tuple(changes)))
    return Difference(tuple(groups), unchanged)


def _by_key(table: Table) -> dict[_GroupKey, Group]:
    return {
        (group.suite, group.budget, group.student, group.protocol_hash, _of_group(group, "data_fingerprint")): group
        for group in table.groups
    }


def _of_group(group: Group, field: str) -> str:
    record: Record = next((row.records[0] for row in (*group.ranked, *group.always_on) if row.records), {})
    return str(record.get(field) or "")


def _other_protocol(
    key: _GroupKey, before: Mapping[_GroupKey, Group], after: Mapping[_GroupKey, Group]
) -> tuple[str, ...]:
    """Why a table has no counterpart, where there is one of the same name under other rules."""
    here, there = (after, before) if key in after else (before, after)
    twins = [group for other, group in there.items() if other[:3] == key[:3] and other not in here]
    notes = []
    for twin in twins:
        fields = [*_different(here[key], twin)]
        board = "OLD" if here is after else "NEW"
        notes.append(f"Not comparable with the table of this name in {board}: {'; '.join(fields)}.")
    return tuple(notes)


def _different(here: Group, twin: Group) -> Iterator[str]:
    if here.protocol_hash != twin.protocol_hash:
        yield f"the protocol is {here.protocol_hash[:8]} here and {twin.protocol_hash[:8]} there"
    if here.protocol_version != twin.protocol_version:
        yield f"its version {here.protocol_version or 'none'} and {twin.protocol_version or 'none'}"
    for name in sorted({*here.overrides, *twin.overrides}):
        one, other = here.overrides.get(name, "as its file"), twin.overrides.get(name, "as its file")
        if one != other:
            yield f"{name} {one} and {other}"
    data = [_of_group(group, "data_fingerprint")[:8] for group in (here, twin)]
    if data[0] != data[1]:
        yield f"the data {data[0] or 'unknown'} and {data[1] or 'unknown'}"


def _rows(group: Group | None) -> dict[str, Row]:
    rows = (*group.ranked, *group.always_on) if group else ()
    return {_row_key(row): row for row in rows}


def _row_key(row: Row) -> str:
    options = row.records[0]["options"] if row.records else row.options
    return json.dumps([row.method, dict(options), row.status == "finished"], sort_keys=True, default=str)


def _changes(before: Mapping[str, Row], after: Mapping[str, Row]) -> list[Change]:
    causes = []
    found: dict[str, Change] = {}
    for key in dict.fromkeys([*after, *before]):
        one, other = before.get(key), after.get(key)
        kind = NEW if one is None else GONE if other is None else CHANGED
        why = _reasons(one, other)
        row = other or one
        assert row is not None
        if why:
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
    return Standing(row.status, row.cells[MEAN_RECALL].mean if row.cells else None, row.rank)


def _reasons(old: Row | None, new: Row | None) -> tuple[str, ...]:
    """What is other about the runs of a row; empty where nothing is."""
    before = _runs(old)
    after = _runs(new)
    added = [seed for seed in after if seed not in before]
    lost = [seed for seed in before if seed not in after]
    reasons = [f"{_count(added, 'new run')} ({_seeds(added)})"] if added else []
    reasons += [f"{_count(lost, 'run')} gone ({_seeds(lost)})"] if lost else []
    for seed in before.keys() & after.keys():
        if before[seed].get("scores") != after[seed].get("scores"):
            reasons.append(f"seed {seed} scored anew{_versions(before[seed], after[seed])}")
    return tuple(reasons)


def _runs(row: Row | None) -> dict[Any, Record]:
    return {record["seed"]: record for record in row.records} if row else {}


def _versions(old: Record, new: Record) -> str:
    one, other = ((record.get("environment") or {}).get("versions") or {} for record in (old, new))
    changed = [f"{name} {one.get(name, 'none')} -> {other.get(name, 'none')}" for name in {**one, **other}]
    changed = [text for text, name in zip(changed, {**one, **other}, strict=True) if one.get(name) != other.get(name)]
    return f" ({_several(changed)})" if changed else ""


def _count(items: Sequence[object], noun: str) -> str:
    return f"{len(items)} {noun}{'' if len(items) == 1 else 's'}"


def _seeds(seeds: Sequence[object]) -> str:
    return f"seed{'' if len(seeds) == 1 else 's'} {', '.join(map(str, seeds))}"


def _several(texts: Sequence[str]) -> str:
    more = f" and {len(texts) - _NAMED} more" if len(texts) > _NAMED else ""
    return ", ".join(texts[:_NAMED]) + more

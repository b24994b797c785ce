"""What changed between two boards, in a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from vlbench.board.difference import Change, Difference, GroupChange, Standing


def render_difference(difference: Difference, *, width: int = 80) -> str:
    """One block per table that changed, one line per row, its reasons below it where they do not fit."""
    blocks = ["\n".join(_block(group, width)) for group in difference.groups]
    count = difference.unchanged
    rest = f"{count} row{'' if count == 1 else 's'} unchanged."
    return "\n\n".join([*blocks, rest if blocks else f"Nothing changed. {rest}"])


def _block(group: GroupChange, width: int) -> Iterator[str]:
    yield group.where
    for note in group.notes:
        yield from textwrap.wrap(note, width, initial_indent="  ", subsequent_indent="  ")
    names = [_name(change) for change in group.changes]
    moves = [_move(change) for change in group.changes]
    columns = min(max(map(len, names)), 28), max(map(len, moves))
    for name, move, change in zip(names, moves, group.changes, strict=True):
        start = f"  {change.kind:<7}  {name:<{columns[0]}}  {move:<{columns[1]}}"
        yield from _lines(start, ", ".join(change.why), width)


def _lines(start: str, why: str, width: int) -> list[str]:
    if len(start) + 2 + len(why) <= width:
        return [f"{start}  {why}".rstrip()]
    return [start.rstrip(), *textwrap.wrap(why, width, initial_indent=" " * 11, subsequent_indent=" " * 11)]


def _name(change: Change) -> str:
    return " ".join([change.method, *(f"{name}={value}" for name, value in change.options.items())])


def _move(change: Change) -> str:
    old, new = change.old, change.new
    if old is None or new is None:
        only = old or new
        assert only is not None
        return ", ".join(filter(None, [_score(only), f"rank {only.rank}" if only.rank else ""]))
    parts = [_score(new) if _score(old) == _score(new) else f"{_score(old)} -> {_score(new)}"]
    if old.rank != new.rank:
        parts.append(f"rank {old.rank or 'none'} -> {new.rank or 'none'}")
    return ", ".join(parts)


def _score(standing: Standing) -> str:
    return standing.status if standing.mean is None else f"{standing.mean:.1f}"

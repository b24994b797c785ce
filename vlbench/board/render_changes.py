"""What changed between two boards, in a terminal."""

from __future__ import annotations

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from vlbench.board.changes import BoardChanges, Change, GroupChanges, Standing
from vlbench.board.console import as_text, columns


def render_changes(changes: BoardChanges, *, width: int = 80) -> str:
    """One block per table that changed, one line per row."""
    blocks = [as_text(*_block(group), width=width) for group in changes.groups]
    rest = f"{changes.unchanged} row{'' if changes.unchanged == 1 else 's'} unchanged."
    return "\n\n".join([*blocks, rest if blocks else f"Nothing changed. {rest}"])


def _block(group: GroupChanges) -> list[RenderableType]:
    rows = [(change.kind, _name(change), _move(change), ", ".join(change.why)) for change in group.changes]
    notes = [Padding(Text(note), (0, 0, 0, 2)) for note in group.notes]
    return [Text(group.title), *notes, Padding(columns(rows), (0, 0, 0, 2))]


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

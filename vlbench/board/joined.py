"""Starts that are the same pairs stand once in a table that is read."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from vlbench.board.derived_rows import START
from vlbench.board.table import Group, Row


def with_joined_starts(group: Group) -> Group:
    """The group, in which ``start of lors``, ``start of vldd``, ... of equal scores and size are one row.

    Distillers that draw their first pairs by the same seeds begin with the same ones. The row is named
    ``start of 10 methods``; formats that programs read keep a row for each.

    Examples:
        >>> import vlbench
        >>> from vlbench.board import with_joined_starts
        >>> [with_joined_starts(group).suite for group in vlbench.leaderboard("runs").table.groups]
        ['scenes-mini']
    """
    alike: dict[tuple[object, ...], list[Row]] = defaultdict(list)
    for row in group.baselines:
        if row.method.startswith(START):
            scores = tuple((name, score.mean, score.sd) for name, score in sorted(row.scores.items()))
            alike[(scores, row.bytes, row.runs, row.origin)].append(row)
    baselines = list(group.baselines)
    for rows in alike.values():
        methods = {row.method for row in rows}
        if len(methods) > 1:
            joined = replace(rows[0], method=f"{START}{len(methods)} methods", options={})
            baselines = [joined if row is rows[0] else row for row in baselines if row is rows[0] or row not in rows]
    return replace(group, baselines=tuple(baselines))

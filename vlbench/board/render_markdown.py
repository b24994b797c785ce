"""The table for a README or an issue."""

from __future__ import annotations

from vlbench.board import format as wording
from vlbench.board.joined import with_joined_starts
from vlbench.board.plain import markdown, plain
from vlbench.board.statistics.samples import MEAN_RECALL
from vlbench.board.table import Group, Row, Table


def render_markdown(table: Table) -> str:
    """One Markdown table per group; baselines in italics below the ranked rows, the best ranked bold."""
    parts = [_group(with_joined_starts(group)) for group in table.groups] or [wording.EMPTY]
    parts += [f"Left out: {markdown(plain(folder))}: {markdown(reason)}" for folder, reason in table.left_out]
    return "\n\n".join(parts)


def _group(group: Group) -> str:
    columns = [*(column for column in group.columns if column != MEAN_RECALL), MEAN_RECALL]
    header = [
        "rank",
        "method",
        *columns[:-1],
        "mean recall",
        "recovered",
        *["worth"] * bool(group.curve),
        "pairs",
        "size",
        "time",
    ]
    lines = [
        f"**{markdown(wording.title(group))}**",
        "",
        _line(header),
        _line(["---", "---", *["---:"] * (len(header) - 2)]),
    ]
    for row in group.rows:
        mark = "*" if row.baseline else "**" if wording.is_best(row) else ""
        lines.append(_line(_cells(group, row, columns, mark)))
    return "\n".join([*lines, "", " ".join(map(markdown, wording.notes(group)))]).rstrip()


def _cells(group: Group, row: Row, columns: list[str], mark: str) -> list[str]:
    options = markdown(wording.options_text(row))
    about = " ".join(filter(None, [row.badge, row.origin, markdown(wording.flags_text(row))]))
    name = f"{mark}{markdown(wording.label(row))}{mark}" + (f" {about}" if about else "")
    name += f" `{options}`" if options else ""
    values = [
        f"{wording.mean_text(row.scores.get(c))} {wording.spread_text(row.scores.get(c))}".strip() for c in columns
    ]
    if row.status != "finished":
        values[-1] = row.status
    if mark == "**":
        values[-1] = f"**{values[-1]}**"
    worth = f"{wording.worth_text(row)} {wording.worth_interval_text(row)}".strip()
    sizes = [wording.recovered_text(row), *[worth] * bool(group.curve)]
    sizes += [wording.pairs_text(row), wording.bytes_text(row), wording.time_text(row)]
    return [wording.rank_text(row), name, *values, *sizes]


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"

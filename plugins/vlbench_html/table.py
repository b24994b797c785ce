"""The tables of the page: one per budget and student."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from vlbench import Budget
from vlbench.board import Group, Row
from vlbench.board import format as wording
from vlbench_html.markup import Child, Html, element, join, scrollable
from vlbench_html.names import FULL, MEAN_RECALL, row_id

BAR_WIDTH, BAR_HEIGHT = 168, 22
NEVER = 1e12
"""Trainings that stand for never when rows are sorted."""


def group_table(group: Group) -> Html:
    """A table with a heading of its own: ranked rows, and below them the baselines."""
    columns = [column for column in group.columns if column != MEAN_RECALL]
    scale = _Scale(group)
    bodies = [_body(group, rows, columns, scale) for rows in (group.ranked, group.baselines) if rows]
    notes = [element("p", {}, note) for note in wording.notes(group)]
    directions = {short: name.replace("_", " ") for short, name in group.directions.items()}
    table = element("table", {"class": "board"}, _head(columns, directions, worth=bool(group.curve)), *bodies)
    return element(
        "section",
        {
            "class": f"group rows-{_size(group)}",
            "data-budget": group.budget_name,
            "data-division": division(group.budget),
        },
        element("h3", {}, *_heading(group)),
        scrollable(wording.title(group), table),
        element("div", {"class": "notes"}, *notes, _legend(scale)),
    )


def division(budget: Budget | None) -> str:
    """``pairs``, ``bytes`` or ``all``: budgets of different divisions are not comparable."""
    return "all" if budget is None else budget.unit


def _size(group: Group) -> int:
    """A bound on the number of rows, by which the style sheet guesses the height of a table not yet drawn."""
    rows = len(group.ranked) + len(group.baselines)
    return next((bound for bound in (8, 16, 32, 64) if rows <= bound), 128)


class _Scale:
    """Where a score falls in the bars of one group, and the two rows to compare with."""

    def __init__(self, group: Group) -> None:
        rows = [row for row in group.rows if row.scores]
        tops = [row.interval[1] if row.interval else row.scores[MEAN_RECALL].mean for row in rows]
        self.top = min(100.0, 1.04 * max(tops, default=100.0)) or 100.0
        self.marks = {
            row.method: row.scores[MEAN_RECALL].mean
            for row in rows
            if row.method in (group.floor, FULL) and row.baseline and not row.origin
        }

    def x(self, score: float) -> float:
        return round(max(0.0, min(score, self.top)) / self.top * BAR_WIDTH, 1)


def _heading(group: Group) -> list[Child]:
    kind = division(group.budget)
    parts: list[Child] = [wording.budget_text(group.budget)]
    if group.student:
        parts.append(element("span", {"class": "student"}, f"student {group.student}"))
    if kind == "bytes":
        parts.append(_badge("bytes division"))
    if group.overrides:
        parts.append(_badge("off protocol", "Not the protocol's file: no row is ranked."))
    name = f"{group.suite}-{group.budget_name}-{group.student}"
    parts.append(element("button", {"type": "button", "class": "copy csv", "data-name": name}, "CSV"))
    return parts


def _head(columns: Sequence[str], directions: Mapping[str, str], *, worth: bool) -> Html:
    over: list[Child] = [element("td", {"colspan": 2})]
    for short, members in groupby(columns, key=lambda column: column.partition("@")[0]):
        span = {"colspan": len(list(members)), "scope": "colgroup", "class": "recall"}
        over.append(element("th", span, directions.get(short, short)))
    over.append(element("th", {"colspan": 2, "scope": "colgroup"}, "mean of the recalls"))
    over.append(element("td", {"colspan": 5 if worth else 3}))
    heads = [_sortable("rank", "rank", "Rank"), _sortable("method", "method", "Method")]
    for column in columns:
        short, _, cut = column.partition("@")
        heads.append(_sortable(f"R@{cut}" if cut else column, "recall", f"{column}, {directions.get(short, short)}"))
    heads.append(_sortable("mean", "mean", "Mean recall"))
    heads.append(element("th", {"scope": "col", "class": "bars"}, "95 % interval"))
    heads.append(_sortable("recovered", "recovered", "Share recovered between random and full data"))
    if worth:
        heads.append(_sortable("worth", "worth", "Random real pairs of the same score"))
        heads.append(_sortable("pays", "pays", "Trainings from which condensing has paid, against full data"))
    heads.append(_sortable("size", "size", "Size in bytes"))
    heads.append(_sortable("time", "time", "Time to condense, train and score"))
    return element("thead", {}, element("tr", {"class": "over"}, *over), element("tr", {}, *heads))


def _sortable(text: str, kind: str, title: str) -> Html:
    button = element("button", {"type": "button", "title": f"Sort by {title}", "aria-label": title}, text)
    return element("th", {"scope": "col", "class": kind, "aria-sort": "none"}, button)


def _body(group: Group, rows: Sequence[Row], columns: Sequence[str], scale: _Scale) -> Html:
    baseline = rows[0].baseline
    ties = _ties(rows)
    lines = [_line(group, row, columns, scale, tie) for row, tie in zip(rows, ties, strict=True)]
    return element("tbody", {"class": "baseline" if baseline else "ranked"}, *lines)


def _ties(rows: Sequence[Row]) -> list[str]:
    """The part of a bracket that each row draws: rows next to one another with the same range of places are joined."""
    parts = []
    for _, members in groupby(rows, key=lambda row: row.rank if "-" in row.rank else id(row)):
        size = len(list(members))
        parts += [""] if size == 1 else ["tie first", *["tie"] * (size - 2), "tie last"]
    return parts


def _line(group: Group, row: Row, columns: Sequence[str], scale: _Scale, tie: str) -> Html:
    name = row_id(group, row)
    kind = "provisional" if row.provisional else row.status if row.status != "finished" else ""
    cells = [
        element("td", {"class": f"rank {tie}".strip(), "data-v": _rank_key(row)}, element("span", {}, _rank(row))),
        _method(row, name),
        *(_score(row, column, "recall") for column in columns),
        _score(row, MEAN_RECALL, "mean"),
        element("td", {"class": "bars"}, _bar(row, scale)),
        _value("recovered", row.recovered, wording.recovered_text(row)),
        *(_worth(row) if group.curve else ()),
        _value("size", row.bytes, wording.bytes_text(row)),
        _value("time", row.seconds, wording.time_text(row)),
    ]
    best = "best" if wording.is_best(row) else ""
    always = any(row.method in record.baselines for record in row.records)
    kinds = " ".join(filter(None, [kind, best, "always" if always else ""]))
    return element("tr", {"id": name, "class": kinds or None, "data-method": row.method}, *cells)


def _rank(row: Row) -> str:
    return row.rank.replace("-", "\N{EN DASH}")


def _rank_key(row: Row) -> str:
    """Sorts by the best place, then by the worst; rows without one come last."""
    first, _, last = row.rank.partition("-")
    return f"{int(first) * 10_000 + int(last or first)}" if first.isdigit() else ""


def _method(row: Row, name: str) -> Html:
    badges: list[Child] = []
    if row.provisional and not row.baseline:
        badges.append(_badge("provisional", "Too few seeds to be ranked."))
    if row.status != "finished":
        badges.append(_badge(row.status, row.message))
    if row.badge:
        badges.append(_badge(row.badge, wording.PROVES.get(row.badge, "")))
    if row.origin:
        badges.append(_badge(row.origin, "A stranger's: time, date and curves are claimed."))
    if row.flags:
        badges.append(_badge("resembles test", wording.flags_text(row)))
    details = wording.details_text(replace(row, badge="", origin="", flags=()))
    return element(
        "th",
        {"scope": "row", "class": "method", "data-v": row.method},
        element("a", {"href": f"#{name}"}, row.method),
        *badges,
        element("small", {"title": details}, details) if details else None,
    )


def _badge(text: str, title: str = "") -> Html:
    return element("span", {"class": "badge", "title": title or None}, text)


def _score(row: Row, column: str, kind: str) -> Html:
    score = row.scores.get(column)
    if score is None:
        return element("td", {"class": f"{kind} none"}, "\N{EN DASH}")
    spread = wording.spread_text(score)
    small = element("small", {}, spread) if spread else None
    return element("td", {"class": kind, "data-v": f"{score.mean:.6g}"}, f"{score.mean:.1f}", small)


def _value(kind: str, value: float | None, text: str, below: str = "") -> Html:
    if value is None:
        return element("td", {"class": f"{kind} none"}, "\N{EN DASH}")
    small = element("small", {}, below) if below else None
    return element("td", {"class": kind, "data-v": f"{value:.6g}"}, text.replace(" ", "\N{NO-BREAK SPACE}"), small)


def _worth(row: Row) -> tuple[Html, Html]:
    """Real pairs of the same score, and the trainings from which condensing has paid; ``never`` sorts last."""
    pairs = row.worth.pairs if row.worth else None
    interval = wording.worth_interval_text(row).replace("-", "\N{EN DASH}")
    trainings = row.break_even.get("full", 0)
    key = NEVER if trainings is None else trainings or None
    return _value("worth", pairs, wording.worth_text(row), interval), _value(
        "pays", key, wording.break_even_text(row, "full")
    )


def _bar(row: Row, scale: _Scale) -> Html | None:
    score = row.scores.get(MEAN_RECALL)
    if score is None:
        return None
    middle = BAR_HEIGHT / 2
    parts: list[Child] = [
        element("line", {"class": f"mark {name}", "x1": scale.x(at), "x2": scale.x(at), "y1": 0, "y2": BAR_HEIGHT})
        for name, at in scale.marks.items()
    ]
    fill = {"class": "fill", "x": 0, "y": middle - 3, "width": scale.x(score.mean), "height": 6, "rx": 1}
    parts.append(element("rect", fill))
    title = f"{score.mean:.1f}"
    if row.interval:
        low, high = (scale.x(end) for end in row.interval)
        path = f"M{low} {middle}H{high}M{low} {middle - 4.5}v9M{high} {middle - 4.5}v9"
        parts.append(element("path", {"class": "whisker", "d": path}))
        title += f", 95 % interval {row.interval[0]:.1f} to {row.interval[1]:.1f}"
    size = {"width": BAR_WIDTH, "height": BAR_HEIGHT, "viewBox": f"0 0 {BAR_WIDTH} {BAR_HEIGHT}"}
    return element(
        "svg", {"class": "bar", **size, "role": "img", "aria-label": title}, element("title", {}, title), *parts
    )


def _legend(scale: _Scale) -> Html:
    marks = [f"{name} {at:.1f}" for name, at in scale.marks.items()]
    dotted = f"; dotted lines: {', '.join(marks)}" if marks else ""
    return element("p", {}, f"Bars run from 0 to {scale.top:.0f} %{dotted}.")


def empty() -> Html:
    """What a board without runs says."""
    return join([element("p", {"class": "empty"}, wording.EMPTY)])

"""Mean recall against budget and against cost, as SVG."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from vlbench.board import Group, Row
from vlbench.board import format as wording
from vlbench_html.markup import Child, Html, element
from vlbench_html.names import FULL, MEAN_RECALL, UNBUDGETED, row_id

WIDTH, HEIGHT = 520, 320
LEFT, RIGHT, TOP, BOTTOM = 40, 140, 16, 42
COLOURED = 6
"""Methods that get a colour of their own, best first; the others are grey."""
LABEL_HEIGHT, LETTER, WIDE_LETTER = 15, 6.9, 11.7
"""Pixels of a label's line, of a letter at most, and of an m or w."""
MOST_LABELS = (HEIGHT - TOP - BOTTOM) // LABEL_HEIGHT


@dataclass(frozen=True)
class Point:
    """A row on a plot."""

    group: Group
    row: Row
    x: float

    @property
    def y(self) -> float:
        """Mean recall in percent."""
        return self.row.scores[MEAN_RECALL].mean


@dataclass(frozen=True)
class _Axes:
    """A logarithmic x axis and a y axis from 0."""

    low: float
    high: float
    top: float

    def x(self, value: float) -> float:
        share = (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - BOTTOM - value / self.top * (HEIGHT - TOP - BOTTOM), 1)


def figures(groups: Sequence[Group]) -> list[Html]:
    """The plots of one suite, student and division; those for which there is something to draw."""
    colours = _colours(groups)
    return [figure for figure in (_by_budget(groups, colours), _by_cost(groups, colours)) if figure]


def _by_budget(groups: Sequence[Group], colours: dict[str, str]) -> Html | None:
    sized = [(group, group.budget) for group in groups if group.budget is not None]
    if len(sized) < 2:
        return None
    lines: dict[str, list[Point]] = {}
    for group, budget in sized:
        for row in _best_of_each_method(group):
            if row.method not in UNBUDGETED:
                lines.setdefault(row.method, []).append(Point(group, row, budget.amount))
    full = next((row for group in groups for row in group.baselines if row.method == FULL and row.scores), None)
    sizes = [budget.amount for _, budget in sized]
    points = [point for line in lines.values() for point in line]
    axes = _Axes(min(sizes) / 1.15, max(sizes) * 1.15, _top([*(_high(point.row) for point in points), _high(full)]))
    drawn = [_line(line, colours.get(method, "other"), axes) for method, line in lines.items()]
    ends = [(point, colours.get(method, "other")) for method, line in lines.items() if (point := line[-1])]
    labelled = sorted(ends, key=lambda end: end[1] == "other")[:MOST_LABELS]
    early = [point for point, _ in labelled if point.x < max(sizes)]
    names = _labels([end for end in labelled if end[0] not in early], axes)
    names += _point_labels(early, axes, colours, taken=_around(points, axes), several=False)
    ceiling = _ceiling(full, axes) if full else []
    ticks = _ticks(axes, sorted({budget.amount: str(budget) for _, budget in sized}.items()))
    body = [*_grid(axes, ticks, sized[0][1].unit), *ceiling, *drawn, *names]
    return _figure("Score against budget", "Mean recall in percent; bars are 95 % intervals.", body)


def _by_cost(groups: Sequence[Group], colours: dict[str, str]) -> Html | None:
    points = [
        Point(group, row, row.seconds)
        for group in groups
        for row in group.rows
        if row.scores and row.seconds and row.method not in UNBUDGETED
    ]
    if len(points) < 3:
        return None
    front = pareto(points)
    seconds = [point.x for point in points]
    axes = _Axes(min(seconds) / 1.3, max(seconds) * 1.3, _top(point.y for point in points))
    path = "".join(f"{'M' if n == 0 else 'L'}{axes.x(p.x)} {axes.y(p.y)}" for n, p in enumerate(front))
    line = element("path", {"class": "front", "d": path}) if len(front) > 1 else None
    dots = [_dot(point, axes, colours.get(point.row.method, "other")) for point in points]
    ordered = [*reversed(front), *(point for point in points if point not in front)]
    texts = _point_labels(ordered, axes, colours, taken=_around(points, axes), several=len(groups) > 1)
    note = "Mean recall in percent by time to condense, train and score; dashed: no row is both better and faster."
    return _figure("Score against cost", note, [*_grid(axes, _ticks(axes, _TIMES), "time"), line, *dots, *texts])


_TIMES = (
    (0.1, "0.1 s"), (0.3, "0.3 s"), (1, "1 s"), (3, "3 s"), (10, "10 s"), (20, "20 s"), (30, "30 s"), (60, "1 min"),
    (120, "2 min"), (300, "5 min"), (600, "10 min"), (1800, "30 min"), (3600, "1 h"), (3 * 3600, "3 h"),
    (10 * 3600, "10 h"), (24 * 3600, "1 d"), (3 * 24 * 3600, "3 d"), (10 * 24 * 3600, "10 d"),
)  # fmt: skip


def _ticks(axes: _Axes, marks: Iterable[tuple[float, str]]) -> list[tuple[float, str]]:
    """The marks inside the axis, leaving out those whose text would touch the one before."""
    kept: list[tuple[float, str]] = []
    for value, text in marks:
        if axes.low <= value <= axes.high and (not kept or axes.x(value) - axes.x(kept[-1][0]) > 46):
            kept.append((value, text))
    return kept


def pareto(points: Iterable[Point]) -> list[Point]:
    """Points that no other beats in one of cost and score without losing in the other, cheapest first."""
    front: list[Point] = []
    for point in sorted(points, key=lambda point: (point.x, -point.y)):
        if not front or point.y > front[-1].y:
            front.append(point)
    return front


def _colours(groups: Sequence[Group]) -> dict[str, str]:
    """Class of each method: the best ones are told apart by colour, baselines are faint."""
    best: dict[str, float] = {}
    baselines = {row.method for group in groups for row in group.baselines}
    for group in groups:
        for row in group.ranked:
            if row.scores and row.method not in baselines:
                best[row.method] = max(best.get(row.method, 0.0), row.scores[MEAN_RECALL].mean)
    ranked = sorted(best, key=lambda method: (-best[method], method))
    return {method: f"c{number}" for number, method in enumerate(ranked[:COLOURED])} | dict.fromkeys(
        baselines, "baseline"
    )


def _best_of_each_method(group: Group) -> list[Row]:
    best: dict[str, Row] = {}
    for row in group.rows:
        other = best.get(row.method)
        if row.scores and (other is None or row.scores[MEAN_RECALL].mean > other.scores[MEAN_RECALL].mean):
            best[row.method] = row
    return list(best.values())


def _high(row: Row | None) -> float:
    if row is None:
        return 0.0
    return row.interval[1] if row.interval else row.scores[MEAN_RECALL].mean


def _top(values: Iterable[float]) -> float:
    highest = max(values, default=100.0)
    step = next(step for step in (1, 2, 5, 10, 20) if highest <= 5 * step or step == 20)
    return max(step * math.ceil(highest / step), step)


def _grid(axes: _Axes, ticks: Sequence[tuple[float, str]], name: str) -> list[Child]:
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    step = next(step for step in (1, 2, 5, 10, 20, 50) if axes.top <= 6 * step)
    parts: list[Child] = []
    for value in range(0, int(axes.top) + 1, step):
        y = axes.y(value)
        parts.append(element("line", {"class": "grid", "x1": LEFT, "x2": right, "y1": y, "y2": y}))
        parts.append(element("text", {"class": "tick", "x": LEFT - 8, "y": y + 4, "text-anchor": "end"}, str(value)))
    for position, text in ticks:
        x = axes.x(position)
        parts.append(element("line", {"class": "tickmark", "x1": x, "x2": x, "y1": bottom, "y2": bottom + 5}))
        parts.append(element("text", {"class": "tick", "x": x, "y": bottom + 18, "text-anchor": "middle"}, text))
    middle = (LEFT + right) / 2
    parts.append(element("text", {"class": "axis", "x": middle, "y": HEIGHT - 4, "text-anchor": "middle"}, name))
    return parts


def _line(points: Sequence[Point], colour: str, axes: _Axes) -> Html:
    path = "".join(f"{'M' if n == 0 else 'L'}{axes.x(p.x)} {axes.y(p.y)}" for n, p in enumerate(points))
    whiskers = "".join(
        f"M{axes.x(p.x)} {axes.y(p.row.interval[0])}V{axes.y(p.row.interval[1])}" for p in points if p.row.interval
    )
    return element(
        "g",
        {"class": f"series {colour}", "data-method": points[0].row.method},
        element("path", {"class": "line", "d": path}),
        element("path", {"class": "whisker", "d": whiskers}) if whiskers else None,
        *(_dot(point, axes, colour) for point in points),
    )


def _ceiling(full: Row, axes: _Axes) -> list[Child]:
    y = axes.y(full.scores[MEAN_RECALL].mean)
    line = element("line", {"class": "ceiling", "x1": LEFT, "x2": WIDTH - RIGHT, "y1": y, "y2": y})
    return [line, element("text", {"class": "label baseline", "x": LEFT + 6, "y": y - 5}, "full data")]


def _dot(point: Point, axes: _Axes, colour: str) -> Html:
    row = point.row
    words = [
        row.method,
        wording.options_text(row),
        wording.budget_text(point.group.budget),
        f"mean recall {point.y:.1f}",
    ]
    title = ", ".join(filter(None, [*words, wording.time_text(row) if row.seconds else ""]))
    dot = element("circle", {"cx": axes.x(point.x), "cy": axes.y(point.y), "r": 3.5}, element("title", {}, title))
    look = {"class": f"dot {colour}", "data-method": row.method}
    return element("a", {"href": f"#{row_id(point.group, row)}", **look, "aria-label": title}, dot)


Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def _around(points: Iterable[Point], axes: _Axes) -> list[Box]:
    return [(x - 4, y - 4, x + 4, y + 4) for x, y in ((axes.x(point.x), axes.y(point.y)) for point in points)]


def _point_labels(
    points: Sequence[Point], axes: _Axes, colours: dict[str, str], *, taken: list[Box], several: bool
) -> list[Child]:
    """Names of points, each near its own and over no other; one without a free place is left out: its title has it."""
    labels: list[Child] = []
    for point in points:
        text = _short(f"{point.row.method} {point.group.budget_name}" if several else point.row.method)
        box = next((box for box in _places(axes.x(point.x), axes.y(point.y), _width(text)) if _free(box, taken)), None)
        if box is not None:
            taken.append(box)
            labels += _label(point, text, box, axes, colours.get(point.row.method, "other"))
    return labels


def _label(point: Point, text: str, box: Box, axes: _Axes, colour: str) -> list[Child]:
    """The name, and where it stands apart from its point a thin line to it."""
    x, y, name = axes.x(point.x), axes.y(point.y), {"data-method": point.row.method}
    place = {"x": round(box[0], 1), "y": round(box[3] - 3, 1)}
    label = element("text", {"class": f"label {colour}", **name, **place}, text)
    end = box[3] if box[3] < y else box[1]
    if abs(end - y) < LABEL_HEIGHT:
        return [label]
    way = f"M{x} {y}L{round((box[0] + box[2]) / 2, 1)} {round(end, 1)}"
    return [element("path", {"class": f"leader {colour}", **name, "d": way}), label]


def _width(text: str) -> float:
    return sum(WIDE_LETTER if letter in "mwMW" else LETTER for letter in text)


def _places(x: float, y: float, width: float) -> Iterator[Box]:
    """Boxes for a label around its point, nearest first: right, left, above and below, then further off."""
    half = LABEL_HEIGHT / 2
    yield (x + 7, y - half, x + 7 + width, y + half)
    yield (x - 7 - width, y - half, x - 7, y + half)
    for away in range(6, 6 + 2 * LABEL_HEIGHT, LABEL_HEIGHT):
        for top in (y - away - LABEL_HEIGHT, y + away):
            for left in (x - width / 2, x + 3, x - 3 - width):
                yield (left, top, left + width, top + LABEL_HEIGHT)


def _free(box: Box, taken: Iterable[Box]) -> bool:
    inside = box[0] >= LEFT + 2 and box[2] <= WIDTH and box[1] >= 0 and box[3] <= HEIGHT - BOTTOM
    return inside and all(box[2] <= a or c <= box[0] or box[3] <= b or d <= box[1] for a, b, c, d in taken)


def _labels(ends: Sequence[tuple[Point, str]], axes: _Axes) -> list[Child]:
    """Names to the right, moved apart where they would overlap; a thin line leads from the last point to its name."""
    x = WIDTH - RIGHT + 16
    ordered = sorted(ends, key=lambda end: axes.y(end[0].y))
    bottom = HEIGHT - BOTTOM
    places: list[float] = []
    for point, _ in ordered:
        y = axes.y(point.y)
        places.append(max(y, places[-1] + LABEL_HEIGHT) if places else y)
    for index in reversed(range(len(places))):
        places[index] = min(places[index], bottom - (len(places) - 1 - index) * LABEL_HEIGHT)
    parts: list[Child] = []
    for (point, colour), y in zip(ordered, places, strict=True):
        look = {"class": f"label {colour}", "data-method": point.row.method}
        way = f"M{axes.x(point.x) + 5} {axes.y(point.y)}L{x - 4} {round(y, 1)}"
        parts.append(element("path", {"class": f"leader {colour}", "data-method": point.row.method, "d": way}))
        parts.append(element("text", {**look, "x": x, "y": round(y + 4, 1)}, _short(point.row.method)))
    return parts


def _short(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:19]}\N{HORIZONTAL ELLIPSIS}"


def _figure(title: str, note: str, body: Sequence[Child]) -> Html:
    svg = element(
        "svg",
        {"viewBox": f"0 0 {WIDTH} {HEIGHT}", "role": "group", "aria-label": f"{title}. {note}"},
        *body,
    )
    save = element("button", {"type": "button", "class": "copy png", "data-name": title}, "PNG")
    heading = element("figcaption", {}, element("b", {}, title), " ", element("span", {}, note), save)
    return element("figure", {}, heading, svg)

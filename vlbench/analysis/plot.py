"""A board as figures for a paper: score against budget and against cost, what it is worth, and other students."""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from vlbench.analysis.picture import COLOURS, new_figure, picture_form, save
from vlbench.board.joined import with_joined_starts
from vlbench.board.picture import read_preview, read_start
from vlbench.board.statistics.samples import MEAN_RECALL
from vlbench.board.table import CEILING, UNBUDGETED, Group, Row, Table
from vlbench.data.pictures import to_pil
from vlbench.errors import DataError, OptionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARKERS = "osD^vP"
GREYS = ("#6b7685", "#a3acb8")
INK, RULE = "#1c2430", "#dfe3e8"
WIDTH, WIDE, HEIGHT = 3.6, 4.9, 3.2
"""Inches of a panel, of that of pairs, and of all."""
LEGEND, ENTRY = 1.4, 0.19
"""Inches of a legend, and of each name in it."""
PAIRS = 6


@dataclass(frozen=True)
class PlotPoint:
    """A row of one group.

    Attributes:
        name: of the method, with the options that tell it apart.
        student: that was trained.
        row: of the table.
        reference: whether the student is the one that methods saw.
    """

    name: str
    student: str
    row: Row
    reference: bool

    @property
    def score(self) -> float:
        """Mean recall in percent."""
        return self.row.scores[MEAN_RECALL].mean

    @property
    def errors(self) -> tuple[float, float]:
        """Down and up from the score: to the ends of its 95 % interval, or the standard deviation where it has none."""
        found = self.row.scores[MEAN_RECALL]
        if found.interval is None:
            return found.sd, found.sd
        return found.mean - found.interval[0], found.interval[1] - found.mean


@dataclass(frozen=True)
class Style:
    """How a method is drawn, the same in every panel."""

    colour: str
    marker: str


Draw = Callable[["Axes", Sequence[PlotPoint], Mapping[str, Style]], None]


def draw_board(table: Table, target: Path, *, panels: Sequence[str] = ()) -> Path:
    """Draw a board; a line of panels for each suite, protocol and dataset. A panel without values is left out.

    Args:
        table: as :func:`vlbench.leaderboard` gives it.
        target: PNG, SVG or PDF.
        panels: some of :data:`PANELS`; by default all.

    Raises:
        OptionError: a panel or the file's ending is unknown.
        DataError: nothing can be drawn.
    """
    form = picture_form(target)
    if unknown := [name for name in panels if name not in PANELS]:
        raise OptionError(f"there is no panel {unknown[0]!r}. Allowed: {', '.join(PANELS)}.")
    lines = [(title, points) for title, points in _comparable(table).items() if _budgeted(points)]
    asked = panels or [name for name in PANELS if name != "pairs"]
    wanted = {title: [name for name in PANELS if name in asked and _fits(name, points)] for title, points in lines}
    if not any(wanted.values()):
        raise DataError("no finished row can be drawn. Give a folder of runs; vlbench leaderboard lists what is there.")
    widest = max(wanted.values(), key=len)
    widths = [WIDE if name == "pairs" else WIDTH for name in widest]
    heights = [max(HEIGHT, ENTRY * (len(_styles(points)) + 3)) for _, points in lines]
    figure = new_figure(sum(widths) + LEGEND, sum(heights) + 0.1)
    axes = figure.subplots(len(lines), len(widths), squeeze=False, width_ratios=widths, height_ratios=heights)
    for line, (title, points) in zip(axes, lines, strict=True):
        _draw_line(line, points, wanted[title])
        line[0].set_title(title, loc="left", fontsize=9, color=INK)
    return save(figure, target, form)


def _comparable(table: Table) -> dict[str, list[PlotPoint]]:
    """Points by what they may be compared in: suite, protocol and data; a baseline without a budget once."""
    lines: dict[str, dict[tuple[Any, ...], PlotPoint]] = {}
    for group in table.groups:
        off = f" · {', '.join(f'{key}={value}' for key, value in group.overrides.items())}" if group.overrides else ""
        title = f"{group.suite} · protocol {group.protocol_hash[:8]}{off}{' · mock data' if group.mock else ''}"
        for row in with_joined_starts(group).rows:
            if row.scores:
                point = PlotPoint(_name(row), _student(group), row, row.home is None)
                lines.setdefault(title, {}).setdefault((point.student, *(r.id for r in row.records), point.name), point)
    return {title: list(points.values()) for title, points in lines.items()}


def _name(row: Row) -> str:
    options = ", ".join(f"{key}={value}" for key, value in row.options.items() if row.method not in UNBUDGETED)
    return f"{row.method} ({options})" if options and len(options) <= 30 else row.method


def _student(group: Group) -> str:
    return f"{group.student} {group.encoders[:4]}".strip()


def _draw_line(line: Sequence[Axes], points: Sequence[PlotPoint], wanted: Sequence[str]) -> None:
    styles = _styles(points)
    for axes, name in itertools.zip_longest(line, wanted):
        if name is None:
            axes.set_axis_off()
            continue
        PANELS[name](axes, points, styles)
        axes.grid(color=RULE, linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    legends = [axes.get_legend_handles_labels() for axes in line[: len(wanted)]]
    handles = {label: handle for legend in reversed(legends) for handle, label in zip(*legend, strict=True)}
    handles = {name: handles[name] for name in (f"{CEILING} data", *styles) if name in handles}
    last = line[len(wanted) - 1]
    last.legend(handles.values(), handles, loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8, frameon=False)


def _styles(points: Sequence[PlotPoint]) -> dict[str, Style]:
    """Methods by their best score in colours, baselines in greys."""
    best = sorted(points, key=lambda point: -point.score)
    own = dict.fromkeys(point.name for point in best if not point.row.baseline)
    others = dict.fromkeys(point.name for point in best if point.name not in own)
    looks = itertools.cycle(Style(colour, marker) for marker, colour in itertools.product(MARKERS, COLOURS))
    greys = itertools.cycle(Style(colour, marker) for marker, colour in itertools.product(MARKERS, GREYS))
    return dict(zip(own, looks, strict=False)) | dict(zip(others, greys, strict=False))


def _series(
    points: Sequence[PlotPoint], x: Callable[[PlotPoint], float | None]
) -> Iterator[tuple[str, list[PlotPoint]]]:
    """Points of the reference student by method, those that have an x, in its order."""
    fitting = [point for point in points if point.reference and x(point) and point.row.method not in UNBUDGETED]
    for name in dict.fromkeys(point.name for point in fitting):
        yield name, sorted((point for point in fitting if point.name == name), key=lambda point: x(point) or 0.0)


def _against(
    axes: Axes,
    points: Sequence[PlotPoint],
    styles: Mapping[str, Style],
    x: Callable[[PlotPoint], float | None],
    *,
    line: str,
) -> None:
    """Score against x on a log scale, with error bars; full data is a line across."""
    series = list(_series(points, x))
    for name, of_method in series:
        style, errors = styles[name], list(zip(*(point.errors for point in of_method), strict=True))
        axes.errorbar(
            [x(point) or 0.0 for point in of_method], [point.score for point in of_method], errors,
            color=style.colour, marker=style.marker, markersize=4.5, linewidth=1.0, linestyle=line, capsize=2,
            label=name,
        )  # fmt: skip
    ceiling = next((point for point in points if point.reference and point.row.method == CEILING), None)
    if ceiling is not None and series:
        axes.axhline(ceiling.score, color=INK, linewidth=0.9, linestyle="--", label=f"{CEILING} data")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("mean recall, %", fontsize=9)


def _pairs(point: PlotPoint) -> float | None:
    return point.row.pairs


def _cost(point: PlotPoint) -> float | None:
    """Seconds to condense, on average over the runs."""
    seconds = [record.cost.condense_s for record in point.row.records if record.cost.condense_s]
    return fmean(seconds) if seconds else None


def _by_budget(axes: Axes, points: Sequence[PlotPoint], styles: Mapping[str, Style]) -> None:
    _against(axes, points, styles, _pairs, line="-")
    _scale_of_pairs(axes, points)
    _say_worth(axes, points, styles)


def _scale_of_pairs(axes: Axes, points: Sequence[PlotPoint]) -> None:
    """Ticks at the budgets that were asked for."""
    from matplotlib.ticker import NullFormatter, NullLocator, ScalarFormatter

    at = sorted({round(point.row.pairs) for point in points if point.reference and point.row.pairs})
    budgets = sorted({_asked(point) for point in points if point.reference} - {0})
    axes.set_xscale("log")
    axes.set_xticks(budgets or at)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("pairs", fontsize=9)


def _say_worth(axes: Axes, points: Sequence[PlotPoint], styles: Mapping[str, Style]) -> None:
    """How many real pairs the best method's points are worth, written over them."""
    series = dict(_series(points, _worth))
    name = next((name for name in styles if name in series), None)
    best = series.get(name, []) if name else []
    for place, point in enumerate(best):
        assert point.row.worth is not None
        aligned = "left" if place == 0 else "right" if place == len(best) - 1 else "center"
        pairs = float(f"{point.row.worth.pairs:.3g}")
        at, shift = (point.row.pairs or 0.0, point.score), (4 if aligned == "left" else 0, 6)
        axes.annotate(
            f"worth {point.row.worth.outside}{pairs:,.0f}", at, shift, textcoords="offset points", fontsize=7,
            color=styles[point.name].colour, ha=aligned,
        )  # fmt: skip


def _asked(point: PlotPoint) -> int:
    """The budget of a row in pairs; 0 where it was one in bytes, or there is none."""
    text = point.row.records[0].budget if point.row.records else ""
    return int(text) if text.isdecimal() else 0


def _by_cost(axes: Axes, points: Sequence[PlotPoint], styles: Mapping[str, Style]) -> None:
    _against(axes, points, styles, _cost, line="")
    axes.set_xlabel("seconds to condense", fontsize=9)


def _by_worth(axes: Axes, points: Sequence[PlotPoint], styles: Mapping[str, Style]) -> None:
    """Random real pairs of the same score, with their 95 % interval."""
    for name, of_method in _series(points, _worth):
        style, found = styles[name], [point.row.worth for point in of_method if point.row.worth is not None]
        pairs = [worth.pairs for worth in found]
        errors = [[max(0.0, worth.pairs - worth.interval[0]) for worth in found],
                  [max(0.0, worth.interval[1] - worth.pairs) for worth in found]]  # fmt: skip
        axes.errorbar(
            [point.row.pairs or 0.0 for point in of_method], pairs, errors,
            color=style.colour, marker=style.marker, markersize=4.5, linewidth=1.0, capsize=2, label=name,
        )  # fmt: skip
    _scale_of_pairs(axes, points)
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.set_ylabel("worth, random real pairs", fontsize=9)


def _worth(point: PlotPoint) -> float | None:
    """Its pairs, of a row that has both a worth and a number of pairs."""
    return point.row.pairs if point.row.worth is not None else None


def _by_student(axes: Axes, points: Sequence[PlotPoint], styles: Mapping[str, Style]) -> None:
    """Every method at its largest budget, on the student that it saw and on others."""
    students = sorted({point.student for point in _budgeted(points)}, key=lambda name: _is_other(points, name))
    for name, style in styles.items():
        found = [point for point in _budgeted(points) if point.name == name]
        if not found:
            continue
        largest = max((point.row.pairs or 0.0 for point in found), default=0.0)
        at = {point.student: point for point in found if (point.row.pairs or 0.0) >= 0.9 * largest}
        x = [place for place, student in enumerate(students) if student in at]
        chosen = [at[students[place]] for place in x]
        errors = list(zip(*(point.errors for point in chosen), strict=True))
        axes.errorbar(
            x, [point.score for point in chosen], errors,
            color=style.colour, marker=style.marker, markersize=4.5, linewidth=0.8, linestyle=":", capsize=2,
            label=name,
        )  # fmt: skip
    axes.set_xticks(range(len(students)), students)
    axes.set_xlim(-0.4, len(students) - 0.6)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("student (the first is the one that methods saw)", fontsize=9)
    axes.set_ylabel("mean recall, %", fontsize=9)


def _is_other(points: Sequence[PlotPoint], student: str) -> tuple[bool, str]:
    return not any(point.reference and point.row.pairs for point in points if point.student == student), student


def _budgeted(points: Sequence[PlotPoint]) -> list[PlotPoint]:
    return [point for point in points if point.row.pairs and point.row.method not in UNBUDGETED]


def _pairs_of_best(axes: Axes, points: Sequence[PlotPoint], styles: Mapping[str, Style]) -> None:  # noqa: ARG001
    """The first pairs of the best distilled row: real images above the learned ones, and a caption."""
    best = _shown(points)
    folder = best.row.records[0].folder if best else None
    assert best is not None
    assert folder is not None  # or the panel does not fit
    pixels, captions, _ = read_preview(folder, PAIRS)
    start = read_start(folder, len(pixels))
    axes.set_axis_off()
    step = 1 / len(pixels)
    for number, caption in enumerate(captions):
        for bottom, items in ((0.64, start.pixels if start else pixels), (0.27, pixels)):
            inset = axes.inset_axes((number * step, bottom, step * 0.94, 0.36))
            inset.imshow(to_pil(items[number]), aspect="auto", interpolation="nearest")
            inset.set_axis_off()
        text = textwrap.fill(caption, 12, max_lines=5, placeholder="…")
        axes.text(number * step, 0.23, text, fontsize=6.5, va="top", color=INK, transform=axes.transAxes)
    for bottom, text in ((0.82, "real"), (0.45, f"learned\nby {best.name}")):
        axes.text(-0.01, bottom, text, fontsize=8, ha="right", va="center", color=INK, transform=axes.transAxes)


def _shown(points: Sequence[PlotPoint]) -> PlotPoint | None:
    """The best row on the student that methods saw whose real pairs are stored."""
    drawn = [point for point in points if point.reference and _has_start(point)]
    return max(drawn, key=lambda point: point.score, default=None)


def _has_start(point: PlotPoint) -> bool:
    folder = point.row.records[0].folder if point.row.records else None
    return folder is not None and (folder / "start.npy").exists()


PANELS: dict[str, Draw] = {
    "pairs": _pairs_of_best,
    "budget": _by_budget,
    "cost": _by_cost,
    "worth": _by_worth,
    "students": _by_student,
}
"""What can be drawn, in this order; ``pairs`` where it is asked for."""


def _fits(name: str, points: Sequence[PlotPoint]) -> bool:
    """Whether a panel would have anything in it."""
    if name == "students":
        return len({point.student for point in _budgeted(points)}) > 1
    if name == "pairs":
        return _shown(points) is not None
    value = {"budget": _pairs, "cost": _cost, "worth": _worth}[name]
    return any(value(point) for point in points if point.reference)

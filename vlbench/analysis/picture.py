"""Pictures of what was asked of finished runs; matplotlib comes with the extra ``plot``."""

from __future__ import annotations

import io
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

from vlbench.analysis.finished import Finished
from vlbench.artifacts.artifact import DistilledPairs
from vlbench.data.pictures import to_pil
from vlbench.errors import OptionError, VlbenchError
from vlbench.files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#2f6fdb", "#c8553d", "#3a8f5c", "#8a5fb0", "#b8860b", "#4a9aa8")
SHOWN, DPI = 8, 130
FORMS = ("png", "svg", "pdf")


def draw_strength(result: Mapping[str, Any], target: Path) -> Path:
    """Leads over each baseline in points of mean recall, against the student's steps; solid lines are tuned."""
    figure = new_figure(9.5, 3.8)
    baselines = result["baselines"]
    panels = figure.subplots(1, len(baselines), sharey=True, squeeze=False)[0]
    rows = result["rows"]
    colours = dict(zip(dict.fromkeys(row["method"] for row in rows), itertools.cycle(COLOURS), strict=False))
    for panel, baseline in zip(panels, baselines, strict=True):
        for method, colour in colours.items():
            if method != baseline:
                _lines(panel, [row for row in rows if row["method"] == method], baseline, colour=colour, label=method)
        panel.axhline(0, color="#6b7685", linewidth=0.8)
        panel.set_xscale("log")
        panel.set_xlabel("most updates of the student")
        panel.set_title(f"lead over {baseline}", fontsize=10)
        panel.legend(fontsize=8, frameon=False)
    panels[0].set_ylabel("points of mean recall")
    figure.suptitle(
        f"{result['suite']}, {result['budget']} pairs: solid tuned on val, dashed untuned, cross: published recipe",
        fontsize=10,
    )
    return save(figure, target)


def _lines(panel: Axes, rows: Sequence[Mapping[str, Any]], baseline: str, *, colour: str, label: str) -> None:
    for tuned, style in ((True, "-"), (False, "--")):
        points = _points([row for row in rows if row["tuned"] is tuned and row["effort"] != "published"], baseline)
        if points:
            panel.plot(*zip(*points, strict=True), style, color=colour, marker=".", label=label if tuned else None)
    published = _points([row for row in rows if row["effort"] == "published"], baseline)
    panel.plot(*zip(*published, strict=True), "x", color=colour, markersize=9)


def _points(rows: Sequence[Mapping[str, Any]], baseline: str) -> list[tuple[float, float]]:
    """(steps, lead), averaged over runs of one effort."""
    steps = {row["effort"]: row["steps"] for row in rows}
    return sorted(
        (at, fmean([row["lead"][baseline] for row in rows if row["effort"] == effort])) for effort, at in steps.items()
    )


def draw_nearest(run: Finished, result: Mapping[str, Any], target: Path) -> Path | None:
    """Learned images above the test images nearest to them, for every look at pictures; None if there is none."""
    artifact, test = run.artifact, run.session.dataset.split("test")
    assert isinstance(artifact, DistilledPairs)
    looks = {name: look for name, look in result.items() if _has_pictures(artifact.sides[name.split()[0]])}
    if not looks:
        return None
    figure = new_figure(1.5 * SHOWN, 3.6 * len(looks))
    panels = figure.subplots(2 * len(looks), SHOWN, squeeze=False)
    for row, (name, look) in enumerate(looks.items()):
        side = name.split()[0]
        for column, found in enumerate(look["nearest"][:SHOWN]):
            upper, lower = panels[2 * row][column], panels[2 * row + 1][column]
            upper.imshow(to_pil(artifact.sides[side][found["pair"]]))
            upper.set_title(f"pair {found['pair']}", fontsize=8)
            lower.imshow(to_pil(test.items[side][found["test_item"]]))
            lower.set_title(f"cosine {found['similarity']:.2f}", fontsize=8)
        panels[2 * row][0].set_ylabel(name, fontsize=9)
        panels[2 * row + 1][0].set_ylabel("nearest in test", fontsize=9)
    for panel in panels.flat:
        panel.set_xticks([])
        panel.set_yticks([])
    return save(figure, target)


def _has_pictures(tensor: Any) -> bool:
    return tensor.ndim == 4 and tensor.shape[1] in (1, 3)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of a size in inches.

    Raises:
        VlbenchError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise VlbenchError("pictures of studies need matplotlib: pip install 'vlbench[plot]'") from None
    return Figure(figsize=(width, height), layout="constrained")


def picture_form(target: Path) -> str:
    """The form that a file's ending asks for.

    Raises:
        OptionError: it is none of :data:`FORMS`.
    """
    form = target.suffix.removeprefix(".").lower()
    if form not in FORMS:
        raise OptionError(f"{target.name!r} ends as none of {', '.join(FORMS)}. Name one, as in --to board.pdf.")
    return form


def save(figure: Figure, target: Path, form: str = "png") -> Path:
    """Write a figure; the same figure gives the same bytes, text of an SVG or PDF stays text."""
    import matplotlib

    buffer = io.BytesIO()
    undated = {"Date": None} if form == "svg" else {"CreationDate": None} if form == "pdf" else {}
    with matplotlib.rc_context({"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "vlbench"}):
        figure.savefig(buffer, format=form, dpi=DPI, metadata=undated)
    write_whole(target, buffer.getvalue())
    return target

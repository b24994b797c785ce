"""The pairs of a run as a picture: what a method kept or learned can be looked at."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy
from PIL import Image, ImageDraw, ImageFont

from vlbench.disk.sums import damage
from vlbench.errors import DataError
from vlbench.records.record import read_record

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

COLUMNS, MOST_PAIRS = 8, 64
IMAGE, CELL, GAP, MARGIN = 160, 160, 14, 36
CAPTION_LINES, LINE = 3, 16
PLOT_HEIGHT = 190
PAPER, INK, FAINT, RULE, ACCENT = "#ffffff", "#1c2430", "#6b7685", "#dfe3e8", "#2f6fdb"


def draw(run_folder: Path, target: Path) -> Path:
    """Write the :func:`picture` of a run as PNG to ``target``, whole or not at all; gives ``target``."""
    return _save(picture(run_folder), target)


def picture(run_folder: Path) -> Image.Image:
    """The pairs of a run with their captions, and the first curve that its method told of, if any.

    Reads ``record.json``, ``preview.npy`` (uint8 [pair, channel, height, width]) and ``preview.json``
    (``{"captions": [...], "caption_source": "nearest" | "own"}``).

    Raises:
        DataError: the run has no preview, or it is damaged.
    """
    record = read_record(run_folder)
    pixels, captions, source = read_preview(run_folder, MOST_PAIRS)
    images = [_to_image(item) for item in pixels]
    name, values = next(iter((record.get("curves") or {}).items()), ("", []))
    curve = _finite(values)
    columns = min(COLUMNS, len(images))
    rows = -(-len(images) // columns)
    cell_height = IMAGE + 8 + CAPTION_LINES * LINE + GAP
    width = max(2 * MARGIN + columns * (CELL + GAP) - GAP, 640)
    top = MARGIN + 62
    height = top + rows * cell_height + (PLOT_HEIGHT + GAP if curve else 0) + MARGIN // 2
    canvas = Image.new("RGB", (width, height), PAPER)
    pen = ImageDraw.Draw(canvas)
    _draw_title(pen, record, len(images), source)
    for number, (image, caption) in enumerate(zip(images, captions, strict=True)):
        corner = (MARGIN + number % columns * (CELL + GAP), top + number // columns * cell_height)
        _draw_pair(canvas, pen, corner, (image, caption))
    if curve:
        title = f"{name.replace('_', ' ')} by step"
        _draw_curve(pen, curve, title, (MARGIN, top + rows * cell_height + GAP, width - MARGIN, height - MARGIN))
    return canvas


def read_preview(folder: Path, most: int) -> tuple[Any, list[str], str]:
    """The first pairs of a run's preview.

    Returns:
        uint8 [pair, channel, height, width] of at most ``most`` pairs, as many captions, and their source
        ("nearest" or "own").

    Raises:
        DataError: the run has none, or it is damaged.
    """
    if bad := damage(folder, "preview.npy", "preview.json"):
        raise DataError(f"{bad}. Run the command again.")
    try:
        # Mapped, so that a file which claims to be huge is refused by its length and the rest is never read.
        pixels = numpy.load(folder / "preview.npy", mmap_mode="r", allow_pickle=False)
        preview = json.loads((folder / "preview.json").read_text(encoding="utf-8"))
        captions = [str(caption) for caption in preview["captions"]]
        source = str(preview["caption_source"])
    except FileNotFoundError as error:
        raise DataError(f"{str(folder)!r} has nothing to show: {Path(str(error.filename)).name} is missing.") from error
    except Exception as error:  # numpy's reader of headers raises whatever Python's parser does
        raise DataError(
            f"{str(folder)!r}: the preview is damaged ({str(error)[:200]}). Run the command again."
        ) from error
    if pixels.ndim != 4 or pixels.dtype != numpy.uint8 or pixels.shape[1] not in (1, 3) or len(pixels) == 0:
        found = f"{pixels.dtype} {list(pixels.shape)}"
        raise DataError(f"{str(folder)!r}: preview.npy is {found}, expected uint8 [pair, 3, height, width].")
    if len(captions) != len(pixels):
        raise DataError(f"{str(folder)!r}: the preview has {len(pixels)} images and {len(captions)} captions.")
    return numpy.array(pixels[:most]), captions[:most], source


def _to_image(pixels: Any) -> Image.Image:
    """uint8 [channel, height, width] -> a picture that fits a square of ``IMAGE`` pixels."""
    colour = numpy.repeat(pixels, 3, axis=0) if len(pixels) == 1 else pixels
    image = Image.fromarray(numpy.ascontiguousarray(colour.transpose(1, 2, 0)))
    largest = max(image.size)
    if largest * 2 <= IMAGE:  # whole multiples of small images keep every pixel a square of the same size
        factor = IMAGE // largest
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    scale = IMAGE / largest
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)


def _draw_title(pen: ImageDraw.ImageDraw, record: Mapping[str, Any], shown: int, source: str) -> None:
    parts = [f"{record['budget']} pairs", f"suite {record['suite']}"]
    scores = next(iter(record["scores"].values()), None)
    if scores:
        recall = scores["mean_recall"]
        parts.append(f"mean recall {recall['mean']:.1f} ± {recall['sd']:.1f} %")
    pen.text((MARGIN, MARGIN - 8), str(record["method"]), fill=INK, font=_font(26))
    start = MARGIN + pen.textlength(str(record["method"]), font=_font(26)) + 16
    pen.text((start, MARGIN), "   ·   ".join(parts), fill=INK, font=_font(17))
    captions = "the real caption nearest to each text vector" if source == "nearest" else "each pair's own caption"
    total = (record.get("cost") or {}).get("pairs")
    count = f"The first {shown} of {total} pairs" if total and total > shown else f"All {shown} pairs"
    pen.text((MARGIN, MARGIN + 28), f"{count}, with {captions}.", fill=FAINT, font=_font(14))


def _draw_pair(
    canvas: Image.Image, pen: ImageDraw.ImageDraw, corner: tuple[int, int], pair: tuple[Image.Image, str]
) -> None:
    (left, top), (image, caption) = corner, pair
    offset = (left, top + IMAGE - image.height)
    canvas.paste(image, offset)
    pen.rectangle((offset[0] - 1, offset[1] - 1, offset[0] + image.width, offset[1] + image.height), outline=RULE)
    font = _font(13)
    lines = wrap(caption, CELL, lambda text: pen.textlength(text, font=font), most=CAPTION_LINES)
    for number, line in enumerate(lines):
        pen.text((left, top + IMAGE + 6 + number * LINE), line, fill=INK, font=font)


def wrap(text: str, width: float, measure: Callable[[str], float], *, most: int) -> list[str]:
    """Break text into at most ``most`` lines no wider than ``width``; what does not fit ends in an ellipsis."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if not lines[-1] or measure(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    kept = lines[:most]
    if len(lines) > most:
        kept[-1] += "…"
    return [_shorten(line, width, measure) for line in kept]


def _shorten(line: str, width: float, measure: Callable[[str], float]) -> str:
    while line and measure(line) > width:
        line = line.removesuffix("…")[:-1].rstrip() + "…"
        if line == "…":
            break
    return line


def _draw_curve(pen: ImageDraw.ImageDraw, curve: Sequence[float], title: str, area: tuple[int, int, int, int]) -> None:
    """The value of every step, over its range."""
    left, top, right, bottom = area
    font = _font(13)
    pen.text((left, top - 8), title, fill=INK, font=_font(15))
    low, high = min(curve), max(curve)
    low, high = (low - 0.5, high + 0.5) if high == low else (low, high)
    plot = (left + 52, top + 24, right - 60, bottom - 18)
    for share in (0.0, 0.5, 1.0):
        y = plot[3] - share * (plot[3] - plot[1])
        pen.line((plot[0], y, plot[2], y), fill=RULE)
        pen.text((plot[0] - 8, y), f"{low + share * (high - low):.3g}", fill=FAINT, font=font, anchor="rm")
    last = max(len(curve) - 1, 1)
    points = [
        (plot[0] + step / last * (plot[2] - plot[0]), plot[3] - (loss - low) / (high - low) * (plot[3] - plot[1]))
        for step, loss in enumerate(curve)
    ]
    pen.line(points, fill=ACCENT, width=2, joint="curve")
    x, y = points[-1]
    pen.ellipse((x - 4, y - 4, x + 4, y + 4), fill=ACCENT)
    pen.text((x + 10, y), f"{curve[-1]:.3g}", fill=ACCENT, font=font, anchor="lm")
    pen.text((plot[0], plot[3] + 6), "0", fill=FAINT, font=font)
    pen.text((plot[2], plot[3] + 6), str(len(curve) - 1), fill=FAINT, font=font, anchor="ra")


def _finite(values: Sequence[Any]) -> list[float]:
    return [float(value) for value in values if value is not None]


def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _save(canvas: Image.Image, target: Path) -> Path:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        canvas.save(temporary, format="PNG", optimize=True)
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return target

"""The pairs of a run as a picture: what a method chose or learned can be looked at."""

from __future__ import annotations

import base64
import io
import json
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy
from PIL import Image, ImageDraw, ImageFont

from vlbench.data.pictures import to_pil
from vlbench.disk.sums import damage
from vlbench.errors import DataError
from vlbench.files import check_plain, read_plain, write_whole
from vlbench.records.record import Record, read_record

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

COLUMNS, MOST_PAIRS = 8, 64
MOST_SOUNDS, LONGEST_SOUND = 4, 131_072
"""Sounds of a run that a page plays, and characters of one in base64."""
IMAGE, CELL, GAP, MARGIN = 160, 160, 14, 36
CAPTION_LINES, CAPTION_WIDTH, LINE = 3, 25, 16
"""Lines of a caption, characters in one, pixels from one to the next."""
PLOT_HEIGHT = 190
PAPER, INK, FAINT, RULE, ACCENT = "#ffffff", "#1c2430", "#6b7685", "#dfe3e8", "#2f6fdb"


def draw(run_folder: Path, target: Path) -> Path:
    """Write the :func:`picture` of a run as PNG to ``target``, whole or not at all; gives ``target``."""
    return _write_png(picture(run_folder), target)


def picture(run_folder: Path) -> Image.Image:
    """The pairs of a run with their captions, and the first curve that its method reported, if any.

    Learned pairs stand below the real ones that they began with, where these are known.

    Reads ``record.json``, ``preview.npy`` (uint8 [pair, channel, height, width]) and ``preview.json``
    (``{"captions": [...], "caption_source": "nearest" | "own"}``), and ``start.npy`` and ``start.json``, if any.

    Raises:
        DataError: the run has no preview, or it is damaged.
    """
    record = read_record(run_folder)
    pixels, captions, source = read_preview(run_folder, MOST_PAIRS)
    start = read_start(run_folder, len(pixels))
    name, curve = next(iter(record.curves.items()), ("", []))
    sheet = _Sheet(pixels, captions, start)
    top = MARGIN + 62
    canvas = sheet.canvas(top, (PLOT_HEIGHT + GAP if curve else 0) + MARGIN // 2)
    pen = ImageDraw.Draw(canvas)
    _draw_title(pen, record, len(pixels), _captions_text(source, start) if any(captions) else "")
    sheet.draw(canvas, pen, top)
    if curve:
        title = f"{name.replace('_', ' ')} by step"
        area = (MARGIN, top + sheet.height + GAP, canvas.width - MARGIN, canvas.height - MARGIN)
        _draw_curve(pen, curve, title, area)
    return canvas


def _captions_text(source: str, start: StartPictures | None) -> str:
    if start is not None:
        return (
            "below the real pairs they began with; caption: the real one nearest to the learned text, and their cosine"
        )
    return "with the real caption nearest to each text vector" if source == "nearest" else "with their own captions"


class _Sheet:
    """Pairs in rows of at most :data:`COLUMNS`.

    Args:
        pixels: uint8 [pair, channel, height, width].
        captions: of each pair.
        start: the real pairs that they began with, to stand above them.
    """

    def __init__(self, pixels: Any, captions: Sequence[str], start: StartPictures | None = None) -> None:
        self._images = [to_pil(item, longest=IMAGE) for item in pixels]
        self._above = [to_pil(item, longest=IMAGE) for item in start.pixels] if start else []
        self._notes = [f"cosine {value:.2f}" for value in start.cosines] if start else []
        self._captions = captions
        self._columns = min(COLUMNS, len(self._images))
        self._offset = IMAGE + 4 if self._above else 0
        self._row = self._offset + IMAGE + 8 + (CAPTION_LINES + bool(start)) * LINE + GAP
        self.height = -(-len(self._images) // self._columns) * self._row

    def canvas(self, top: int, bottom: int) -> Image.Image:
        """An empty one of the size that the pairs take, and what stands above and below them."""
        width = max(2 * MARGIN + self._columns * (CELL + GAP) - GAP, 640)
        return Image.new("RGB", (width, top + self.height + bottom), PAPER)

    def draw(self, canvas: Image.Image, pen: ImageDraw.ImageDraw, top: int) -> None:
        """Draw them below a line of the canvas."""
        for number, (image, caption) in enumerate(zip(self._images, self._captions, strict=True)):
            left = MARGIN + number % self._columns * (CELL + GAP)
            upper = top + number // self._columns * self._row
            if self._above:
                _draw_image(canvas, pen, (left, upper), self._above[number])
                note = (left, upper + self._offset + IMAGE + 6 + CAPTION_LINES * LINE)
                pen.text(note, self._notes[number], fill=FAINT, font=_font(13))
            _draw_image(canvas, pen, (left, upper + self._offset), image)
            _draw_caption(pen, (left, upper + self._offset), caption)


def draw_sheet(pixels: Any, captions: Sequence[str], title: str, target: Path) -> Path:
    """Write some pairs with a title as PNG to ``target``, whole or not at all; gives ``target``.

    Args:
        pixels: uint8 [pair, channel, height, width] with 1 or 3 channels.
        captions: of each pair.
        title: above them.
        target: file.
    """
    sheet = _Sheet(pixels, captions)
    canvas = sheet.canvas(MARGIN + 40, MARGIN // 2)
    pen = ImageDraw.Draw(canvas)
    pen.text((MARGIN, MARGIN - 8), title, fill=INK, font=_font(17))
    sheet.draw(canvas, pen, MARGIN + 40)
    return _write_png(canvas, target)


def _write_png(canvas: Image.Image, target: Path) -> Path:
    buffer = io.BytesIO()
    canvas.save(buffer, format="PNG", optimize=True)
    write_whole(target, buffer.getvalue())
    return target


def read_preview(folder: Path, most: int) -> tuple[Any, list[str], str]:
    """The first pairs of a run's preview.

    Returns:
        uint8 [pair, channel, height, width] of at most ``most`` pairs, as many captions, and their source
        ("nearest" or "own").

    Raises:
        DataError: the run has none, or it is damaged.

    Examples:
        >>> import vlbench
        >>> (group,) = vlbench.leaderboard("runs").table.groups
        >>> pixels, captions, source = vlbench.board.read_preview(group.ranked[0].records[0].folder, 5)
        >>> pixels.shape, len(captions), source
        ((5, 3, 32, 32), 5, 'own')
    """
    if bad := damage(folder, "preview.npy", "preview.json"):
        raise DataError(f"{bad}. Run the command again.")
    try:
        check_plain(folder / "preview.npy")
        # Mapped, so that a file which claims to be huge is refused by its length and the rest is never read.
        pixels = numpy.load(folder / "preview.npy", mmap_mode="r", allow_pickle=False)
        preview = json.loads(read_plain(folder / "preview.json").decode())
        captions = [str(caption) for caption in preview["captions"]]
        source = str(preview["caption_source"])
    except FileNotFoundError as error:
        raise DataError(f"{str(folder)!r} has nothing to show: {Path(str(error.filename)).name} is missing.") from error
    except Exception as error:  # numpy's reader of headers raises whatever Python's parser does
        raise DataError(
            f"{str(folder)!r}: the preview is damaged ({str(error)[:200]}). Run the command again."
        ) from None
    if pixels.ndim != 4 or pixels.dtype != numpy.uint8 or pixels.shape[1] not in (1, 3) or len(pixels) == 0:
        found = f"{pixels.dtype} {list(pixels.shape)}"
        raise DataError(f"{str(folder)!r}: preview.npy is {found}, expected uint8 [pair, 3, height, width].")
    if len(captions) != len(pixels):
        raise DataError(f"{str(folder)!r}: the preview has {len(pixels)} images and {len(captions)} captions.")
    return numpy.array(pixels[:most]), captions[:most], source


def read_sounds(folder: Path) -> list[str]:
    """WAV files in base64 of the first pairs of a run whose preview :func:`read_preview` reads; often none.

    What is no list of small WAV files is left out: the content of a run that someone sent is shown as it is.

    Examples:
        >>> import vlbench
        >>> (group,) = vlbench.leaderboard("runs").table.groups
        >>> vlbench.board.read_sounds(group.ranked[0].records[0].folder)  # pairs of pictures and texts
        []
    """
    try:
        sounds = json.loads(read_plain(folder / "preview.json").decode()).get("sounds", [])
        return [text for text in sounds[:MOST_SOUNDS] if _is_wave(text)]
    except (OSError, ValueError, TypeError, AttributeError):
        return []


def _is_wave(text: object) -> bool:
    if not isinstance(text, str) or len(text) > LONGEST_SOUND:
        return False
    content = base64.b64decode(text, validate=True)
    return content[:4] == b"RIFF" and content[8:12] == b"WAVE"


class StartPictures(NamedTuple):
    """The real pairs that learned ones began with.

    Attributes:
        pixels: uint8 [pair, channel, height, width].
        captions: of each pair, one.
        cosines: of each learned text to the caption that the preview shows for it.
    """

    pixels: Any
    captions: list[str]
    cosines: list[float]


def read_start(folder: Path, count: int) -> StartPictures | None:
    """The real pairs that the first ``count`` pairs of a run began with; None where that is not stored.

    Raises:
        DataError: it is damaged.

    Examples:
        >>> import vlbench
        >>> (group,) = vlbench.leaderboard("runs").table.groups
        >>> vlbench.board.read_start(group.ranked[0].records[0].folder, 5) is None  # a selection began with nothing
        True
    """
    if not (folder / "start.npy").exists() or not (folder / "start.json").exists():
        return None
    if bad := damage(folder, "start.npy", "start.json"):
        raise DataError(f"{bad}. Run the command again.")
    try:
        check_plain(folder / "start.npy")
        pixels = numpy.load(folder / "start.npy", mmap_mode="r", allow_pickle=False)
        about = json.loads(read_plain(folder / "start.json").decode())
        captions, cosines = [str(text) for text in about["captions"]], [float(value) for value in about["cosines"]]
        fits = pixels.ndim == 4 and pixels.dtype == numpy.uint8 and pixels.shape[1] in (1, 3)
        if not fits or not min(len(pixels), len(captions), len(cosines)) >= count:
            raise ValueError("it does not fit the preview")
    except Exception as error:  # as in read_preview
        reason = str(error)[:200]
        raise DataError(f"{str(folder)!r}: start.npy is damaged ({reason}). Run the command again.") from None
    return StartPictures(numpy.array(pixels[:count]), captions[:count], cosines[:count])


def _draw_title(pen: ImageDraw.ImageDraw, record: Record, shown: int, captions: str) -> None:
    parts = [f"{record.budget} pairs", f"suite {record.suite}"]
    scores = next(iter(record.scores.values()), None)
    if scores:
        parts.append(f"mean recall {scores.mean_recall.mean:.1f} ± {scores.mean_recall.sd:.1f} %")
    pen.text((MARGIN, MARGIN - 8), record.method, fill=INK, font=_font(26))
    start = MARGIN + pen.textlength(record.method, font=_font(26)) + 16
    pen.text((start, MARGIN), "   ·   ".join(parts), fill=INK, font=_font(17))
    total = record.cost.pairs
    count = f"The first {shown} of {total} pairs" if total and total > shown else f"All {shown} pairs"
    pen.text((MARGIN, MARGIN + 28), f"{count}{', ' * bool(captions)}{captions}.", fill=FAINT, font=_font(14))


def _draw_image(canvas: Image.Image, pen: ImageDraw.ImageDraw, corner: tuple[int, int], image: Image.Image) -> None:
    left, top = corner[0], corner[1] + IMAGE - image.height
    canvas.paste(image, (left, top))
    pen.rectangle((left - 1, top - 1, left + image.width, top + image.height), outline=RULE)


def _draw_caption(pen: ImageDraw.ImageDraw, corner: tuple[int, int], caption: str) -> None:
    left, top = corner
    lines = textwrap.wrap(caption, CAPTION_WIDTH, max_lines=CAPTION_LINES, placeholder="…")
    for number, line in enumerate(lines):
        pen.text((left, top + IMAGE + 6 + number * LINE), line, fill=INK, font=_font(13))


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


def _font(size: int) -> Font:
    return ImageFont.load_default(size)

"""Small pictures of what a run chose or learned, as ``data:`` addresses."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

from vlbench.errors import DataError

LARGEST = 112
"""Pixels of the longer side; a smaller picture stays as it is and is enlarged by the browser, pixel by pixel."""
STRIP = 512
"""The same for frames side by side."""
TILES, TILES_OF_BOARD = 24, 4_000
"""Most pictures of a row, and of a whole board: a board stays a file that opens at once."""
FEWEST = 4
SHARED = 2_000
"""Most pictures that rows share."""


def tiles_per_row(rows: int) -> int:
    """How many pictures each of so many rows may show."""
    return max(FEWEST, min(TILES, TILES_OF_BOARD // max(rows, 1)))


def gallery(folder: Path, most: int) -> dict[str, Any] | None:
    """The first pairs of a run's preview, or None where it has none that can be read.

    Returns:
        ``captions``; ``source`` ("nearest" or "own"); ``images``, one ``data:`` address per caption; ``side``, pixels
        of the longer side; for learned pairs that began with real ones, ``starts`` and ``cosines``; ``sounds`` of the
        first pairs, where there are some; ``strips`` where pictures are frames side by side.
    """
    from vlbench.board import read_preview, read_sounds

    try:
        pixels, captions, source = read_preview(folder, most)
    except DataError:
        return None
    side = max(pixels.shape[2:])
    images = list(map(_address, pixels))
    found = {"captions": captions, "source": source, "images": images, "side": min(side, LARGEST)}
    if _is_strip(pixels.shape):
        found["strips"] = True
    sounds = [f"data:audio/wav;base64,{sound}" for sound in read_sounds(folder)]
    return found | ({"sounds": sounds} if sounds else {}) | _starts(folder, len(pixels))


def _starts(folder: Path, count: int) -> dict[str, Any]:
    """``starts`` and ``cosines``: the real pictures that learned ones began with, and how near the captions are."""
    from vlbench.board import read_start

    try:
        start = read_start(folder, count)
    except DataError:
        return {}
    return {} if start is None else {"starts": list(map(_address, start.pixels)), "cosines": start.cosines}


class Pictures:
    """Pictures that several rows show, each held once; as many as a board may have."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self._numbers: dict[bytes, int] = {}

    def number(self, pixels: Any, index: int) -> int | None:
        """The place in ``addresses`` of one of uint8 [picture, channel, height, width]; None where there are enough.

        Raises:
            ValueError: it is no small picture.
            IndexError: it is not there.
        """
        if pixels.ndim != 4 or pixels.dtype != "uint8" or pixels.shape[1] not in (1, 3) or max(pixels.shape[2:]) > 256:
            raise ValueError(f"hits.npy is {pixels.dtype} {list(pixels.shape)}")
        picture = pixels[index]
        key = bytes(str(picture.shape), "ascii") + picture.tobytes()
        if key not in self._numbers and len(self.addresses) < SHARED:
            self._numbers[key] = len(self.addresses)
            self.addresses.append(_address(picture))
        return self._numbers.get(key)


def _is_strip(shape: Any) -> bool:
    """Whether a picture of [..., height, width] is frames side by side."""
    return bool(shape[-1] >= 2 * shape[-2])


def _address(pixels: Any) -> str:
    """uint8 [channel, height, width] -> a ``data:`` address."""
    from PIL import Image

    from vlbench.board import to_pil

    image, buffer = to_pil(pixels), io.BytesIO()
    largest = STRIP if _is_strip(pixels.shape) else LARGEST
    if max(image.size) > 2 * largest // 3:
        image.thumbnail((largest, largest), Image.Resampling.LANCZOS)
        image.save(buffer, "JPEG", quality=82)
        kind = "jpeg"
    else:
        image.save(buffer, "WEBP", quality=92, method=2)
        kind = "webp"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"

"""Encoded image files -> square uint8 pixels, decoded once, in parallel, and kept on disk as a memory map."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vlbench.data.pictures import open_pixels
from vlbench.disk.locks import alone
from vlbench.disk.space import check_space
from vlbench.errors import DataError
from vlbench.files import fresh_file, write_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

_VERSION = 3
"""Raised when the same file gives other pixels."""


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """One image file that has not been decoded.

    Attributes:
        name: what annotations call it.
        where: for messages: the file, or the archive and member.
        stamp: changes when the content does (size and modification time, say); part of the cache key.
        read: returns the bytes of the file. Called from one thread only.
        position: images are read in this order, so that archives are read forwards.
        size: of the file in bytes, where that is known without reading it; -1 where not.

    Examples:
        >>> import vlbench
        >>> from pathlib import Path
        >>> file = Path("photographs/dog.jpg")
        >>> image = vlbench.data.EncodedImage("dog.jpg", str(file), stamp="mtime 1700000000", read=file.read_bytes)
        >>> image.name  # nothing is read before the pixels are wanted
        'dog.jpg'
    """

    name: str
    where: str
    stamp: str
    read: Callable[[], bytes]
    position: tuple[int, int] = (0, 0)
    size: int = -1


def decode_image(content: bytes, size: int, where: str) -> NDArray[np.uint8]:
    """Pixels [3, size, size] of an encoded image: upright RGB, resized bicubic to a square, aspect not kept.

    Resized by torch with antialiasing, in whole numbers that are the same on every machine: five times as fast as
    Pillow, whose values differ by one or two levels of 255 in one pixel of some thousands.

    Raises:
        DataError: the bytes are no readable image.
    """
    import torch
    from torch.nn.functional import interpolate

    pixels = torch.from_numpy(open_pixels(content, where)).permute(2, 0, 1)
    resized = interpolate(pixels[None], size=(size, size), mode="bicubic", antialias=True)[0]
    found: NDArray[np.uint8] = resized.contiguous().numpy()
    return found


def decode_images(images: Sequence[EncodedImage], size: int) -> Iterator[tuple[int, NDArray[np.uint8] | DataError]]:
    """Decode in parallel threads (decoders and torch work without the interpreter's lock).

    Yields:
        Position in ``images``, and pixels [3, size, size] or what is wrong with the image, in order of
        :attr:`EncodedImage.position`. At most some dozens of images are in memory at a time.
    """
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    waiting: deque[tuple[int, Future[NDArray[np.uint8]]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for index in sorted(range(len(images)), key=lambda index: images[index].position):
                waiting.append((index, _submit(pool, images[index], size)))
                if len(waiting) >= 8 * workers:
                    yield _outcome(*waiting.popleft())
            while waiting:
                yield _outcome(*waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: ThreadPoolExecutor, image: EncodedImage, size: int) -> Future[NDArray[np.uint8]]:
    """Read here, since archives are read by one thread; decode there."""
    try:
        return pool.submit(decode_image, _read(image), size, image.where)
    except DataError as error:
        failed: Future[NDArray[np.uint8]] = Future()
        failed.set_exception(error)
        return failed


def _outcome(index: int, future: Future[NDArray[np.uint8]]) -> tuple[int, NDArray[np.uint8] | DataError]:
    try:
        return index, future.result()
    except DataError as error:
        return index, error


@dataclass(frozen=True)
class ReadImages:
    """What could be read of some images.

    Attributes:
        pixels: uint8 [readable image, 3, size, size], memory-mapped, in the order asked for.
        bad: position in what was asked for -> what is wrong with it; those have no pixels.
    """

    pixels: Tensor
    bad: dict[int, str]


def cached_images(images: Sequence[EncodedImage], size: int, store: Path) -> Tensor:
    """Pixels of all images as a memory-mapped uint8 tensor [image, 3, size, size].

    The first call decodes and writes one ``.npy`` file to ``store``; later calls with the same names, stamps and size
    open it. The tensor is copy-on-write: writing to it does not change the file.

    Args:
        images: what to decode, in the order of the result.
        size: height and width in pixels; resized bicubic, aspect not kept.
        store: folder for the file.

    Raises:
        vlbench.errors.DataError: an image is missing or broken, or there are none.

    Examples:
        >>> import io, tempfile, vlbench
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> buffer = io.BytesIO()
        >>> Image.new("RGB", (64, 48), "red").save(buffer, "PNG")
        >>> image = vlbench.data.EncodedImage("red.png", "red.png", stamp="1", read=buffer.getvalue)
        >>> vlbench.data.cached_images([image], 32, Path(tempfile.mkdtemp())).shape
        torch.Size([1, 3, 32, 32])
    """
    return read_images(images, size, store).pixels


def read_images(images: Sequence[EncodedImage], size: int, store: Path, *, skip_bad: bool = False) -> ReadImages:
    """As :func:`cached_images`; with ``skip_bad``, images that cannot be read are left out and named.

    Returns:
        ``pixels``, and ``bad``: position in ``images`` -> what is wrong with that one.

    Raises:
        vlbench.errors.DataError: an image is missing or broken (with ``skip_bad``: all are), or there are none.

    Examples:
        >>> import io, tempfile, vlbench
        >>> from pathlib import Path
        >>> from PIL import Image
        >>> buffer = io.BytesIO()
        >>> Image.new("RGB", (64, 48), "red").save(buffer, "PNG")
        >>> red = vlbench.data.EncodedImage("red.png", "red.png", stamp="1", read=buffer.getvalue)
        >>> broken = vlbench.data.EncodedImage("no.png", "no.png", stamp="1", read=bytes)
        >>> found = vlbench.data.read_images([broken, red], 32, Path(tempfile.mkdtemp()), skip_bad=True)
        >>> found.pixels.shape, list(found.bad)
        (torch.Size([1, 3, 32, 32]), [0])
    """
    import numpy as np
    import torch

    if not images:
        raise DataError("no images to decode.")
    key = {"version": _VERSION, "size": size, "images": [[image.name, image.stamp] for image in images]}
    if skip_bad:
        key["skip_bad"] = True
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:20]
    path = store / f"images-{digest}.npy"
    bad = _cached(path, key)
    if bad is None:
        # Decoded once, however many processes begin at the same time.
        with alone(store, path.stem, lambda text: print(text, file=sys.stderr), what="decoding images"):
            bad = _cached(path, key)
            if bad is None:
                check_space(store, 3 * size**2 * len(images), f"pixels of {len(images):,} images")
                bad = _write_pixels(path, images, size, skip_bad=skip_bad)
                # The key is written last: where it is, the pixels are whole.
                write_whole(path.with_suffix(".json"), json.dumps(key | {"bad": bad} if skip_bad else key).encode())
    return ReadImages(torch.from_numpy(np.load(path, mmap_mode="c")), bad)


def _read(image: EncodedImage) -> bytes:
    try:
        return image.read()
    # Archives and columns are read by libraries that raise errors of many unrelated classes.
    except Exception as error:
        reason = str(error) or type(error).__name__
        raise DataError(f"{image.where}: cannot be read ({reason}). Check that the file is there and whole.") from error


def _cached(path: Path, key: dict[str, Any]) -> dict[int, str] | None:
    """What was left out of the stored pixels; None where there are none of this key."""
    try:
        stored = json.loads(path.with_suffix(".json").read_bytes())
        present = path.stat().st_size
        bad = {int(index): str(why) for index, why in stored.pop("bad", {}).items()}
    except (OSError, ValueError, AttributeError):
        return None
    count = len(key["images"]) - len(bad)
    expected = count * 3 * key["size"] ** 2 + len(_header(count, key["size"]))
    return bad if stored == key and present == expected else None


def _header(count: int, size: int) -> bytes:
    from numpy.lib import format as npy

    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": (count, 3, size, size)})
    return buffer.getvalue()


def _write_pixels(path: Path, images: Sequence[EncodedImage], size: int, *, skip_bad: bool) -> dict[int, str]:
    """Pixels of all images that can be read, in their order; what is wrong with the others."""
    bad: dict[int, str] = {}
    row, start = 3 * size**2, len(_header(len(images), size))
    # Written with seek and write, not through a memory map: a full disk is then an error and not a crash.
    with fresh_file(path) as file:
        for index, pixels in decode_images(images, size):
            if not isinstance(pixels, DataError):
                file.seek(start + index * row)
                file.write(pixels.data)
            elif not skip_bad:
                raise pixels
            else:
                bad[index] = str(pixels)
        good = [index for index in range(len(images)) if index not in bad]
        if not good:
            raise DataError(f"none of {len(images)} images can be read. The first: {bad[0]}")
        if bad:
            _close_gaps(file, good, row, start)
        file.seek(0)
        file.write(_header(len(good), size))
    return dict(sorted(bad.items()))


def _close_gaps(file: IO[bytes], good: Sequence[int], row: int, start: int) -> None:
    """Move the rows at positions ``good``, of ``row`` bytes each, together."""
    for to, index in enumerate(good):
        file.seek(start + index * row)
        moved = file.read(row)
        file.seek(start + to * row)
        file.write(moved)
    file.truncate(start + len(good) * row)

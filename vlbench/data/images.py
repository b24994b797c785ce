"""Encoded image files -> square uint8 pixels, decoded once, in parallel, and kept on disk as a memory map."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from vlbench.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

_VERSION = 1


@dataclass(frozen=True)
class EncodedImage:
    """One image file that has not been decoded.

    Attributes:
        name: what annotations call it.
        where: for messages: the file, or the archive and member.
        stamp: changes when the content does (size and modification time, say); part of the cache key.
        read: returns the bytes of the file. Called from one thread only.
        position: images are read in this order, so that archives are read forwards.

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


def decode_image(content: bytes, size: int, where: str) -> NDArray[np.uint8]:
    """Pixels [3, size, size] of an encoded image: RGB, resized bicubic to a square, aspect not kept.

    Raises:
        DataError: the bytes are no readable image.
    """
    import numpy as np
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as image:
            pixels = np.asarray(image.convert("RGB").resize((size, size), Image.Resampling.BICUBIC))
    # Pillow's decoders raise SyntaxError and ValueError, too, when a file is broken.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{where}: cannot be decoded ({error}). Replace the file, or take the image out of the annotations."
        ) from error
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def decode_images(images: Sequence[EncodedImage], size: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Decode in parallel threads (Pillow decodes and resizes without the interpreter's lock).

    Yields:
        Position in ``images`` and pixels [3, size, size], in order of :attr:`EncodedImage.position`. At most some
        dozens of images are in memory at a time.

    Raises:
        DataError: an image is missing or broken.
    """
    workers = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    waiting: deque[tuple[int, Future[NDArray[np.uint8]]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for index in sorted(range(len(images)), key=lambda index: images[index].position):
                image = images[index]
                waiting.append((index, pool.submit(decode_image, _read(image), size, image.where)))
                if len(waiting) >= 8 * workers:
                    done, future = waiting.popleft()
                    yield done, future.result()
            while waiting:
                done, future = waiting.popleft()
                yield done, future.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


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
    import numpy as np
    import torch

    if not images:
        raise DataError("no images to decode.")
    key = {"version": _VERSION, "size": size, "images": [[image.name, image.stamp] for image in images]}
    digest = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:20]
    path = store / f"images-{digest}.npy"
    if not _is_cached(path, key):
        store.mkdir(parents=True, exist_ok=True)
        _write_pixels(path, images, size)
        # The key is written last: where it is, the pixels are whole.
        with _whole_file(path.with_suffix(".json")) as file:
            file.write(json.dumps(key).encode())
    return torch.from_numpy(np.load(path, mmap_mode="c"))


def _read(image: EncodedImage) -> bytes:
    try:
        return image.read()
    except (OSError, EOFError) as error:
        raise DataError(f"{image.where}: cannot be read ({error}). Check that the file is there and whole.") from error


def _is_cached(path: Path, key: dict[str, Any]) -> bool:
    try:
        stored = json.loads(path.with_suffix(".json").read_bytes())
        present = path.stat().st_size
    except (OSError, ValueError):
        return False
    expected = len(key["images"]) * 3 * key["size"] ** 2 + len(_header(len(key["images"]), key["size"]))
    return bool(stored == key) and present == expected


def _header(count: int, size: int) -> bytes:
    from numpy.lib import format as npy

    buffer = io.BytesIO()
    npy.write_array_header_1_0(buffer, {"descr": "|u1", "fortran_order": False, "shape": (count, 3, size, size)})
    return buffer.getvalue()


def _write_pixels(path: Path, images: Sequence[EncodedImage], size: int) -> None:
    header = _header(len(images), size)
    # Written with seek and write, not through a memory map: a full disk is then an error and not a crash.
    with _whole_file(path) as file:
        file.write(header)
        for index, pixels in decode_images(images, size):
            file.seek(len(header) + index * pixels.nbytes)
            file.write(pixels.data)


@contextmanager
def _whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name whole or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    finally:
        Path(temporary).unlink(missing_ok=True)

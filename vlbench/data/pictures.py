"""Every picture of the project is opened here: any file that Pillow reads -> upright 8-bit RGB.

Plain JPEGs are decoded by simplejpeg, to the values of Pillow in less time; what it refuses, Pillow decides on.

====================================  =================================================================================
what the file holds                   what comes out
====================================  =================================================================================
8-bit RGB                             the same values
black and white, grey, palette        RGB
transparency of any kind              what is seen on white: hidden colours under full transparency play no part
grey of 16 bits                       full range to full range: 65,535 becomes 255
32-bit integers and floats            levels from 0 to 1 (floats), 255 or 65,535, whichever is the first that holds all
                                      values, to 0 to 255; with values below 0 or above 65,535: its least value to its
                                      greatest
CMYK, YCbCr, HSV, LAB                 converted to RGB by Pillow; an embedded colour profile is not applied
EXIF orientation                      turned upright
animations, several pages             the first frame
====================================  =================================================================================
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from vlbench.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL.Image import Image, Transpose

_ORIENTATION = 0x0112
"""Of EXIF: how the picture lies."""
_PLAIN = ("L", "RGB")
"""Modes of JPEGs that have one reading."""
_UNUSUAL = (b"Exif", b"tiff:Orientation", b"MPF\0")
"""What a JPEG holds that may be turned, or of several pictures."""
_LARGE = 64_000_000
"""Pixels from which Pillow decides whether a picture is too large."""
_HEIF = tuple(f"ftyp{brand}".encode() for brand in ("heic", "heix", "hevc", "hevx", "heim", "heis", "mif1", "msf1"))
"""How a HEIC file goes on after four bytes."""
LEVELS = (255.0, 65535.0)
"""Greatest values that integers and floats are taken to be on the scale of."""
_ADVICE = "Replace the file, take it out of the annotations, or leave out what cannot be read: skip_bad = true."


def open_picture(content: bytes, where: str) -> Image:
    """An encoded picture as upright 8-bit RGB, by the table above.

    Args:
        content: bytes of a file in any format that Pillow reads.
        where: what errors call it.

    Raises:
        vlbench.errors.DataError: the bytes are no whole picture, or hold values that are not finite.

    Examples:
        >>> import io, vlbench
        >>> from PIL import Image
        >>> buffer = io.BytesIO()
        >>> Image.new("RGBA", (4, 3), (255, 0, 0, 0)).save(buffer, "PNG")  # red, but nothing of it is seen
        >>> vlbench.data.open_picture(buffer.getvalue(), "clear.png").getpixel((0, 0))
        (255, 255, 255)
    """
    with _opened(content, where) as picture:
        return to_rgb(picture, where)


def open_pixels(content: bytes, where: str) -> NDArray[np.uint8]:
    """As :func:`open_picture`, to the same values: [height, width, 3]."""
    import numpy as np
    from PIL import Image

    found = _at_a_glance(content)
    if found is not None:
        return found
    with _opened(content, where) as picture:
        pixels = _of_plain_jpeg(content) if picture.format == "JPEG" and picture.mode in _PLAIN else None
        if pixels is None:
            return np.array(to_rgb(picture, where))
        turn = _turn(picture)
        return pixels if turn is None else np.array(Image.fromarray(pixels).transpose(turn))


@contextlib.contextmanager
def _opened(content: bytes, where: str) -> Iterator[Image]:
    """A picture of which the head alone has been read; within, what is raised on a broken one names it."""
    from PIL import Image, UnidentifiedImageError

    if content[4:12] in _HEIF:
        _register_heif(where)
    try:
        with Image.open(io.BytesIO(content)) as picture:
            yield picture
    except DataError:
        raise
    # Decoders raise errors of many unrelated classes when a file is broken.
    except Exception as error:
        unknown = isinstance(error, UnidentifiedImageError)  # whose text has an address of memory
        reason = "of no kind that Pillow reads" if unknown else str(error) or type(error).__name__
        raise DataError(f"{where}: cannot be decoded ({reason}). {_ADVICE}") from error


def _register_heif(where: str) -> None:
    """Have Pillow read HEIC, by pillow-heif."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise DataError(
            f"{where}: a HEIC picture, which needs the package 'pillow-heif'. Install it: pip install 'vlbench[heic]'"
        ) from error
    register_heif_opener()


def _at_a_glance(content: bytes) -> NDArray[np.uint8] | None:
    """Pixels [height, width, 3] of a JPEG that needs no look by Pillow, which takes a fifth of the time of decoding."""
    import simplejpeg

    if not content.startswith(b"\xff\xd8\xff") or any(mark in content for mark in _UNUSUAL):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
    except Exception:
        return None
    plain = colours in ("Gray", "YCbCr", "RGB") and height * width < _LARGE
    return _of_plain_jpeg(content) if plain else None


def _of_plain_jpeg(content: bytes) -> NDArray[np.uint8] | None:
    """Pixels [height, width, 3] as they lie; None where anything is unusual."""
    import simplejpeg

    try:  # settings of Pillow: the exact transform, smooth upsampling
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(content, fastdct=False, fastupsample=False)
    except Exception:  # strict: what is cut or damaged is no picture here
        return None
    return pixels


def to_rgb(picture: Image, where: str) -> Image:
    """A Pillow image of any mode as upright 8-bit RGB, by the table above; errors as of :func:`open_picture`."""
    from PIL import Image

    picture.load()
    turn = _turn(picture)
    picture = picture if turn is None else picture.transpose(turn)
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode in ("I", "F") or picture.mode.startswith("I;"):
        return _from_levels(picture, where)
    if picture.mode == "LAB":
        return _from_lab(picture)
    if picture.mode == "La":  # alpha is multiplied in: not to be converted to RGBA directly
        picture = picture.convert("LA")
    if picture.has_transparency_data:
        seen = picture.convert("RGBA")
        white = Image.new("RGBA", seen.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, seen).convert("RGB")
    return picture.convert("RGB")


def _turn(picture: Image) -> Transpose | None:
    """What turns a picture upright, None where it lies so, or where its tags are broken."""
    from PIL.Image import Transpose as To

    turns = (To.FLIP_LEFT_RIGHT, To.ROTATE_180, To.FLIP_TOP_BOTTOM, To.TRANSPOSE, To.ROTATE_270, To.TRANSVERSE,
             To.ROTATE_90)  # fmt: skip
    try:
        return dict(enumerate(turns, start=2)).get(picture.getexif().get(_ORIENTATION, 1))
    except Exception:
        return None


def _from_levels(picture: Image, where: str) -> Image:
    import numpy as np
    from PIL import Image

    values = _values(picture)
    if not np.isfinite(values).all():
        count = int((~np.isfinite(values)).sum())
        raise DataError(f"{where}: {count} pixels are not finite. {_ADVICE}")
    low, high = _range(picture.mode, values)
    grey = (values - low) * (255 / (high - low)) if high > low else np.zeros_like(values)
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        grey[values == clear] = 255
    return Image.fromarray(np.floor(grey + 0.5).astype(np.uint8)).convert("RGB")


def _values(picture: Image) -> NDArray[np.float64]:
    """Grey values [height, width]."""
    import numpy as np

    if picture.mode.startswith("I;"):
        order = ">u2" if picture.mode == "I;16B" else "<u2"
        if picture.mode == "I;16N":
            order = "=u2"
        levels = np.frombuffer(picture.tobytes(), order).reshape(picture.height, picture.width)
        return levels.astype(np.float64)
    return np.asarray(picture).astype(np.float64)


def _range(mode: str, values: NDArray[np.float64]) -> tuple[float, float]:
    """The two values that become black and white."""
    low, high = float(values.min()), float(values.max())
    if mode.startswith("I;"):
        return 0.0, LEVELS[-1]
    for level in (1.0, *LEVELS) if mode == "F" else LEVELS:
        if low >= 0 and high <= level:
            return 0.0, level
    return low, high


def _from_lab(picture: Image) -> Image:
    from PIL import ImageCms

    profiles = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(picture, *profiles, outputMode="RGB")
    assert converted is not None  # it is only where the picture is changed in place
    return converted


def to_pil(pixels: Any, *, longest: int | None = None) -> Image:
    """From an array to a picture: the one way for all that is drawn.

    Args:
        pixels: [channel, height, width] with 1 or 3 channels, an array or a tensor: uint8, or floats from 0 to 1.
        longest: pixels of the longer side that the picture is made smaller to, or larger by a whole factor, so that
            every pixel of a small picture stays a square; None leaves its size.

    Examples:
        >>> import numpy, vlbench
        >>> vlbench.board.to_pil(numpy.zeros((3, 4, 8), dtype=numpy.uint8), longest=64).size
        (64, 32)
    """
    import numpy as np
    from PIL import Image

    values = np.asarray(pixels)
    if values.dtype != np.uint8:
        values = (values.astype(np.float64) * 255).round().clip(0, 255).astype(np.uint8)
    colour = np.repeat(values, 3, axis=0) if len(values) == 1 else values
    image = Image.fromarray(np.ascontiguousarray(colour.transpose(1, 2, 0)))
    if longest is None:
        return image
    largest = max(image.size)
    if largest * 2 <= longest:
        factor = longest // largest
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    scale = longest / largest
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)

"""One function opens every picture: each mode of Pillow, each way in which a file can hide something."""

from __future__ import annotations

import hashlib
import io
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from PIL import Image

from vlbench.data.images import decode_image
from vlbench.data.pictures import open_picture, open_pixels, to_rgb
from vlbench.errors import DataError

GREY16 = np.array([[0, 257, 32896], [65535, 65278, 128]], dtype=np.uint16)
RED, WHITE = (200, 10, 30), (255, 255, 255)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def opened(picture: Image.Image, kind: str = "PNG", **options: Any) -> np.ndarray:
    return np.asarray(open_picture(encoded(picture, kind, **options), "x"))


@pytest.mark.parametrize("mode", [*Image.MODES, "I;16L", "I;16N", "La", "RGBa", "RGBX", "PA"])
def test_every_mode_of_pillow_becomes_rgb(mode: str) -> None:
    made = to_rgb(Image.new(mode, (4, 3)), "x")
    assert (made.mode, made.size) == ("RGB", (4, 3))


def test_clean_rgb_stays_as_it_is() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 14, 3), dtype=np.uint8)
    assert np.array_equal(opened(Image.fromarray(pixels)), pixels)


def test_a_photograph_is_decoded_as_pillow_decodes_it() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 16, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(pixels), "JPEG")
    with Image.open(io.BytesIO(content)) as plain:
        assert np.array_equal(np.asarray(open_picture(content, "x")), np.asarray(plain.convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_grey_of_16_bits_is_scaled_by_its_full_range(kind: str) -> None:
    expected = np.floor(GREY16 / 257 + 0.5)
    assert np.array_equal(opened(Image.fromarray(GREY16), kind)[..., 1], expected)


def test_grey_of_16_bits_keeps_its_own_byte_order() -> None:
    picture = Image.frombytes("I;16B", (3, 2), GREY16.astype(">u2").tobytes())
    assert np.array_equal(np.asarray(to_rgb(picture, "x"))[..., 0], np.floor(GREY16 / 257 + 0.5))


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 100, 255]], np.int32), [0, 100, 255]),
        (np.array([[0, 25700, 65535]], np.int32), [0, 100, 255]),
        (np.array([[-1000, 0, 1000]], np.int32), [0, 128, 255]),
        (np.array([[0, 500_000, 1_000_000]], np.int32), [0, 128, 255]),
        (np.array([[0, 0.5, 1]], np.float32), [0, 128, 255]),
        (np.array([[0, 100, 200]], np.float32), [0, 100, 200]),
        (np.array([[0, 25700, 65535]], np.float32), [0, 100, 255]),
        (np.array([[-0.5, 0, 0.5]], np.float32), [0, 128, 255]),
        (np.array([[7, 7, 7]], np.float32), [7, 7, 7]),
    ],
)
def test_integers_and_floats_are_scaled_by_the_range_that_holds_them(values: np.ndarray, expected: list[int]) -> None:
    assert opened(Image.fromarray(values), "TIFF")[0, :, 2].tolist() == expected


def test_floats_that_are_not_finite_are_refused() -> None:
    picture = Image.fromarray(np.array([[0, np.nan, np.inf]], np.float32))
    with pytest.raises(DataError, match=r"scan\.tif: 2 pixels are not finite"):
        open_picture(encoded(picture, "TIFF"), "scan.tif")


def transparent(mode: str) -> Image.Image:
    """Left: red or grey, fully seen; right: the same, not seen at all."""
    picture = Image.new("RGBA", (2, 1), (*RED, 255))
    picture.putpixel((1, 0), (*RED, 0))
    return picture.convert(mode) if mode != "P" else picture.quantize(4)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_fully_transparent_is_white(mode: str) -> None:
    seen = opened(transparent(mode))
    assert tuple(seen[0, 1]) == WHITE
    assert tuple(seen[0, 0]) != WHITE


@pytest.mark.parametrize("mode", ["RGBa", "La", "PA"])
def test_rare_kinds_of_transparency_are_white_too(mode: str) -> None:
    picture = transparent({"RGBa": "RGBA", "La": "LA", "PA": "P"}[mode]).convert(mode)
    assert np.asarray(to_rgb(picture, "x"))[0, 1].tolist() == [255] * 3


def test_half_transparency_is_half_white() -> None:
    assert opened(Image.new("RGBA", (1, 1), (0, 0, 0, 128)))[0, 0].tolist() == [127] * 3


def test_an_opaque_alpha_channel_changes_nothing() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (9, 14, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    assert np.array_equal(opened(Image.fromarray(pixels)), pixels[..., :3])


@pytest.mark.parametrize(("mode", "clear"), [("L", 7), ("RGB", RED), ("1", 1)])
def test_a_colour_that_is_declared_transparent_is_white(mode: str, clear: Any) -> None:
    assert opened(Image.new(mode, (1, 1), clear), transparency=clear)[0, 0].tolist() == [255] * 3


def test_cmyk_is_converted() -> None:
    seen = opened(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG", quality=100)[4, 4]
    assert seen[0] > 240
    assert seen[1:].max() < 15


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_upright(orientation: int) -> None:
    upright = np.arange(6, dtype=np.uint8).reshape(2, 3) * 40
    stored: dict[int, Callable[[np.ndarray], np.ndarray]] = {
        1: lambda a: a, 2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud,
        5: np.transpose, 6: lambda a: np.rot90(a, 1), 7: lambda a: np.rot90(a, 2).T, 8: lambda a: np.rot90(a, -1),
    }  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(np.ascontiguousarray(stored[orientation](upright)))
    assert np.array_equal(opened(picture, exif=exif)[..., 0], upright)


def test_broken_tags_do_not_break_the_picture() -> None:
    content = encoded(Image.new("RGB", (2, 2), RED), exif=b"Exif\x00\x00II*\x00" + struct.pack("<I", 1 << 30))
    assert np.asarray(open_picture(content, "x"))[0, 0].tolist() == list(RED)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "TIFF", "WEBP"])
def test_of_several_frames_the_first_is_taken(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    seen = opened(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert seen[4, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize("damage", ["empty", "no picture", "cut"])
def test_a_broken_file_is_named(damage: str) -> None:
    content = encoded(Image.new("RGB", (64, 64), RED), "JPEG")
    broken = {"empty": b"", "no picture": b"<html>", "cut": content[: len(content) // 2]}[damage]
    with pytest.raises(DataError, match=r"folder/a\.jpg: cannot be decoded .*skip_bad = true"):
        open_picture(broken, "folder/a.jpg")


def photograph(width: int = 37, height: int = 23) -> Image.Image:
    small = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_fast_decoding_gives_the_values_of_pillow(mode: str, subsampling: int, progressive: bool) -> None:
    for size in [(37, 23), (1, 1), (2, 90), (200, 3), (64, 48)]:
        picture = photograph(*size).convert(mode)
        content = encoded(picture, "JPEG", subsampling=subsampling, progressive=progressive)
        assert np.array_equal(open_pixels(content, "x"), np.asarray(open_picture(content, "x")))


@pytest.mark.parametrize("orientation", range(10))
def test_fast_decoding_turns_a_picture_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = encoded(photograph(), "JPEG", exif=exif)
    assert np.array_equal(open_pixels(content, "x"), np.asarray(open_picture(content, "x")))
    assert open_pixels(content, "x").shape == ((37, 23, 3) if orientation in (5, 6, 7, 8) else (23, 37, 3))


@pytest.mark.parametrize("name", ["Exif", "XMP", "MPO"])
def test_what_a_jpeg_says_about_itself_is_never_overlooked(name: str) -> None:
    exif, both = Image.Exif(), [photograph(), photograph(23, 37)]
    exif[0x0112] = 6
    options: dict[str, Any] = {
        "Exif": {"exif": exif, "comment": b"x" * 60_000},
        "XMP": {"xmp": b'<rdf:Description tiff:Orientation="6"/>'},
        "MPO": {"save_all": True, "append_images": both[1:]},
    }[name]
    content = encoded(both[0], "MPO" if name == "MPO" else "JPEG", **options)
    assert np.array_equal(open_pixels(content, "x"), np.asarray(open_picture(content, "x")))
    assert open_pixels(content, "x").shape == ((23, 37, 3) if name == "MPO" else (37, 23, 3))


def test_a_jpeg_too_large_for_pillow_stays_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlbench.data.pictures._LARGE", 100)
    monkeypatch.setattr("PIL.Image.MAX_IMAGE_PIXELS", 100)
    with pytest.raises(DataError, match=r"cannot be decoded .*decompression bomb"):
        open_pixels(encoded(photograph(), "JPEG"), "x")


def test_fast_decoding_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    used = []
    fast = simplejpeg.decode_jpeg
    monkeypatch.setattr("simplejpeg.decode_jpeg", lambda *args, **more: used.append(1) or fast(*args, **more))
    open_pixels(encoded(photograph(), "JPEG"), "x")
    open_pixels(encoded(photograph(), "PNG"), "x")
    assert used == [1]


def test_no_cut_jpeg_is_decoded_and_damage_changes_no_values() -> None:
    random = np.random.default_rng(0)
    for progressive in (False, True):
        content = encoded(photograph(), "JPEG", progressive=progressive)
        for end in random.integers(2, len(content), 40):
            with pytest.raises(DataError, match="cannot be decoded"):
                open_pixels(content[:end], "x")
        for at in random.integers(2, len(content), 80):
            damaged = content[:at] + bytes([random.integers(256)]) + content[at + 1 :]
            try:
                expected = np.asarray(open_picture(damaged, "x"))
            except DataError:
                with pytest.raises(DataError):
                    open_pixels(damaged, "x")
            else:
                assert np.array_equal(open_pixels(damaged, "x"), expected)


def test_resized_pixels_are_the_same_on_every_machine() -> None:
    digest = hashlib.sha256()
    for size in [(37, 23), (300, 200), (1, 1), (2, 90), (200, 3)]:
        for side in (1, 32, 224):
            digest.update(decode_image(encoded(photograph(*size), "PNG"), side, "x").tobytes())
    assert digest.hexdigest()[:16] == "f8874d90bfe3c2f1"


def test_resizing_is_within_two_levels_of_pillow() -> None:
    resized = np.asarray(photograph(300, 200).resize((64, 64), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
    away = np.abs(decode_image(encoded(photograph(300, 200), "PNG"), 64, "x").astype(int) - resized)
    assert away.max() <= 2
    assert away.mean() < 0.01


def test_no_other_module_opens_pictures() -> None:
    root = Path(__file__).parents[3]
    sources = [path for folder in ("vlbench", "plugins") for path in (root / folder).rglob("*.py")]
    opening = [path.name for path in sources if "Image.open(" in path.read_text(encoding="utf-8")]
    assert opening == ["pictures.py"]

"""The files that inputs.py gives: pictures, annotations, features, suites and plugins, most of them damaged."""

# ruff: noqa: E501  # one input a line
from __future__ import annotations

import gzip
import io
import json
import os
import random
import struct
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

SUITE = """
name = "inputs"
version = 1
summary = "Small and quick."

[data]
name = "scenes"
options = { size = "mini" }

[students.net]
temperature = 0.07
[students.net.image]
encoder = "scenes-convnet"
train = "frozen"
standardise = "global"
head = { kind = "linear", width = 8, start = "normal", gain = 0.3 }
[students.net.text]
encoder = "scenes-text"
train = "frozen"
standardise = "global"
head = { kind = "linear", width = 8, start = "normal", gain = 0.3 }

[training]
seeds = 1
common = { learning_rate = 0.1, batch = 5 }
grid = [{ steps = 2 }]
warmup = { steps = 1 }

[rows]
always = []
full = false
"""
NAMES = [f"p{number:02}.png" for number in range(12)]
WRONG_LEAVES = ("nan", "-1", "0", "1e308", "true", '""', '"x"', "[]", "{}", "9" * 30, "1979-05-27", '"\\u202e\\u0000"')


def odd_files(folder: Path) -> None:
    """Files that are no input: a pipe, links to nowhere and to themselves, noise, deep nesting, nothing."""
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to("loop")
    (folder / "dangling").symlink_to("nowhere/at/all")
    (folder / "noise").write_bytes(random.Random(0).randbytes(3000))
    (folder / "empty").write_bytes(b"")
    (folder / "deep.toml").write_text("name = " + "[" * 3000)
    (folder / "journal").write_text('{"time": 1}\nnull\n[]\nnot json\n{"time": "x", "kind": 3}\n')


def picture(mode: str = "RGB", form: str = "PNG", colour: int = 0, **options: Any) -> bytes:
    """A small picture as a file."""
    stream = io.BytesIO()
    drawn = Image.linear_gradient("L").resize((16, 12)).point(lambda level: (level + 20 * colour) % 256)
    made = drawn if mode in ("I;16", "I", "F") else drawn.convert("RGB" if mode in ("LAB", "HSV") else mode)
    (made if made.mode == mode else converted(made, mode)).save(stream, form, **options)
    return stream.getvalue()


def converted(made: Image.Image, mode: str) -> Image.Image:
    """The picture in a mode to which Pillow leads by a way of its own."""
    if mode == "LAB":
        from PIL import ImageCms

        lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
        return ImageCms.applyTransform(made, lab) or made
    return Image.fromarray(np.asarray(made).astype(np.uint16) * 257) if mode == "I;16" else made.convert(mode)


def pictures(folder: Path) -> None:
    """A dozen good pictures."""
    folder.mkdir()
    for number, name in enumerate(NAMES):
        (folder / name).write_bytes(picture(colour=number))


def wrong_leaves() -> Iterator[tuple[str, str]]:
    """The suite with each value of each line replaced, and each line left out."""
    lines = SUITE.splitlines()
    for number, line in enumerate(lines):
        key, equals, _ = line.partition(" = ")
        if equals:
            for value in WRONG_LEAVES:
                yield f"{key} {value}", "\n".join([*lines[:number], f"{key} = {value}", *lines[number + 1 :]])
            yield f"{key} left out", "\n".join(lines[:number] + lines[number + 1 :])
            yield f"{key} twice", "\n".join([*lines[: number + 1], line, *lines[number + 1 :]])
            yield f"{key} mistyped", "\n".join([*lines[:number], f"{key}x{line[len(key) :]}", *lines[number + 1 :]])
    tomllib.loads(SUITE)


def texts() -> dict[str, bytes]:
    """Suites that cannot be read as one."""
    good = SUITE.encode()
    return {
        "empty": b"", "noise": random.Random(2).randbytes(500), "NUL": good.replace(b"inputs", b"in\0puts"),
        "not UTF-8": good.replace(b"Small", b"\xff\xfe"), "UTF-16": SUITE.encode("utf-16"), "cut": good[:300],
        "deep arrays": b"x = " + b"[" * 3000 + b"]" * 3000, "deep tables": b"[" + b".".join([b"a"] * 3000) + b"]",
        "digits": good.replace(b"seeds = 1", b"seeds = " + b"9" * 5000), "long name": good.replace(b"inputs", b"n" * 5000),
        "hex": good.replace(b"seeds = 1", b"seeds = 0x" + b"f" * 5000), "JSON": b'{"name": "inputs"}',
        "old Mac": good.replace(b"\n", b"\r"), "huge": good + b"# " + b"x" * (3 << 20), "a name of dots": good.replace(b'"inputs"', b'".."'),
        "the clock": good.replace(b"seeds = 1", b"seeds = 25:61:00"), "surrogate": good.replace(b"inputs", b"\\ud800"),
    }  # fmt: skip


def damaged_files() -> Iterator[tuple[str, bytes, bool | None]]:
    """Kind and name, content, and whether it can be read."""
    for mode, form in (
        *((mode, "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")),
        *((mode, "TIFF") for mode in ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "LAB")),
        *((mode, "TIFF") for mode in ("I", "I;16", "F")),
        *((mode, "JPEG") for mode in ("L", "RGB", "CMYK")), ("RGB", "BMP"), ("RGB", "WEBP"), ("P", "GIF"), ("RGB", "PPM"),
        ("RGB", "JPEG2000"), ("RGBA", "ICO"), ("RGB", "TGA"), ("RGB", "DDS"), ("RGB", "PCX"), ("RGB", "SGI"),
    ):  # fmt: skip
        good = picture(mode, form)
        yield f"picture {mode} {form}", good, True
        yield f"picture {mode} {form} cut", good[: len(good) // 3], False if form in ("PNG", "JPEG", "WEBP") else None
    yield from odd_pictures()
    yield from annotations()
    yield from archives()
    yield from tables()
    yield from features()


def odd_pictures() -> Iterator[tuple[str, bytes, bool | None]]:
    """Animated, turned, bombs, other files."""
    frames = [Image.new("RGB", (16, 12), (level, 9, 9)) for level in (0, 90, 200)]
    for form in ("GIF", "PNG", "WEBP", "TIFF"):
        stream = io.BytesIO()
        frames[0].save(stream, form, save_all=True, append_images=frames[1:])
        yield f"picture animated {form}", stream.getvalue(), True
    for turn in (*range(10), 65535):
        exif = Image.Exif()
        exif[0x0112] = turn
        yield f"picture EXIF {turn}", picture(form="JPEG", exif=exif), True
    for name, exif in {"noise": os.urandom(40), "cut": b"Exif\0\0MM\0*\0\0"}.items():
        yield f"picture EXIF {name}", picture(form="JPEG", exif=exif), True
    header = struct.pack(">II", 60_000, 60_000) + b"\x08\x02\0\0\0"
    chunk = struct.pack(">I", 13) + b"IHDR" + header
    yield "picture bomb", picture()[:8] + chunk + b"\0\0\0\0" + picture()[33:], False
    for name, content in {
        "empty": b"",
        "svg": b"<svg/>",
        "html": b"<html>404</html>",
        "noise": os.urandom(500),
    }.items():
        yield f"picture {name}", content, False
    stream = io.BytesIO()
    Image.new("RGB", (1, 1)).save(stream, "PNG")
    yield "picture 1 x 1", stream.getvalue(), True
    yield "picture nan", tiff_of_floats([0.0, float("nan"), 1.0]), False
    yield "picture inf", tiff_of_floats([0.0, float("inf"), 1.0]), False


def tiff_of_floats(values: list[float]) -> bytes:
    """A picture of these levels."""
    stream = io.BytesIO()
    Image.fromarray(np.array([values], np.float32)).save(stream, "TIFF")
    return stream.getvalue()


def annotations() -> Iterator[tuple[str, bytes, bool | None]]:
    """Captions in text files."""
    rows = [(name, f"a shape, no. {number}") for number, name in enumerate(NAMES)]
    csv = "image,caption\n" + "".join(f'{name},"{text}"\n' for name, text in rows)
    records = [{"image": name, "caption": text} for name, text in rows]
    text = json.dumps(records)
    yield from (
        ("annotations bom.csv", b"\xef\xbb\xbf" + csv.encode(), True),
        ("annotations crlf.csv", csv.replace("\n", "\r\n").encode(), True),
        ("annotations mac.csv", csv.replace("\n", "\r").encode(), True),
        ("annotations utf16.csv", csv.encode("utf-16"), True),
        ("annotations nul.csv", csv.replace("shape", "sh\0ape", 1).encode(), None),
        ("annotations latin.csv", csv.replace("shape", "caf\xe9", 1).encode("latin-1"), False),
        ("annotations headless.csv", csv.partition("\n")[2].encode(), None),
        ("annotations header.csv", b"image,caption\n", False),
        ("annotations twice.csv", csv.replace("image,caption", "image,image").encode(), False),
        ("annotations ragged.csv", csv.replace(",", ",,,", 3).encode(), False),
        ("annotations quote.csv", (csv + 'p00.png,"open').encode(), False),
        ("annotations field.csv", csv.replace("a shape", "x" * 200_000, 1).encode(), None),
        ("annotations empty.csv", b"", False),
        ("annotations lines.csv", b"\n\n\r\n\r", False),
        ("annotations missing.csv", csv.replace("p03.png", "nowhere.png").encode(), False),
        ("annotations up.csv", csv.replace("p03.png", "../../../../etc/passwd").encode(), False),
        ("annotations folder.csv", csv.replace("p03.png", ".").encode(), False),
        ("annotations long.csv", csv.replace("p03.png", "n" * 5000).encode(), False),
        ("annotations nul name.csv", csv.replace("p03.png", "p\0.png").encode(), False),
        ("annotations blank.csv", csv.replace("a shape, no. 3", " ").encode(), False),
        ("annotations bidi.csv", csv.replace("a shape", "\u202ea shape\x1b[31m", 1).encode(), None),
        ("annotations surrogate.json", text.replace("a shape", "\\ud800", 1).encode(), None),
        ("annotations nan.json", text.replace('"a shape, no. 3"', "NaN").encode(), False),
        ("annotations number.json", text.replace('"a shape, no. 3"', "9" * 5000).encode(), False),
        ("annotations list.json", text.replace('"a shape, no. 3"', "[[[]]]").encode(), False),
        ("annotations object.json", text.replace('"a shape, no. 3"', '{"raw": "a"}').encode(), None),
        ("annotations null.json", b"null", False),
        ("annotations deep.json", b"[" * 3000 + b"]" * 3000, False),
        ("annotations deeper.json", b'{"images":' * 100_000, False),
        ("annotations cut.json", text[:-30].encode(), False),
        ("annotations twice.json", (text + text).encode(), False),
        ("annotations bom.json", b"\xef\xbb\xbf" + text.encode(), True),
        ("annotations utf16.json", text.encode("utf-16"), True),
        ("annotations comments.json", ("// mine\n" + text).encode(), False),
        ("annotations keys.json", text.replace('"image"', '"caption"').encode(), False),
        ("annotations lines.jsonl", "\n".join(map(json.dumps, records)).encode(), True),
        ("annotations mixed.jsonl", ("\n".join(map(json.dumps, records)) + "\n[]\n3").encode(), False),
        ("annotations torn.jsonl", "\n".join(map(json.dumps, records)).encode()[:-9], False),
        ("annotations half.jsonl", ("\n".join(map(json.dumps, records)) + '\n{"image": "p00.png"}').encode(), False),
        ("annotations karpathy.json", json.dumps({"images": [{"filename": 3, "sentences": 4}]}).encode(), False),
        ("annotations coco.json", json.dumps({"images": {}, "annotations": 3}).encode(), False),
        ("annotations ids.json", json.dumps({"images": [{"id": [], "file_name": "p00.png"}], "annotations": [{"image_id": {}, "caption": "a"}]}).encode(), False),
        ("annotations one.token", "".join(f"{name}#0\t{t}\n" for name, t in rows).encode(), True),
        ("annotations tabs.token", "".join(f"{name}#0 {t}\n" for name, t in rows).encode(), False),
        ("annotations number.token", f"{NAMES[0]}#{'9' * 5000}\tx\n".encode(), False),
    )  # fmt: skip


def tar_of(*members: tuple[str, bytes], mode: str = "w", kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    """A tar archive."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in members:
            about = tarfile.TarInfo(name)
            about.size, about.type, about.linkname = len(content) if kind == tarfile.REGTYPE else 0, kind, link
            archive.addfile(about, io.BytesIO(content))
    return stream.getvalue()


def zip_of(*members: tuple[str, bytes]) -> bytes:
    """A zip archive."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream.getvalue()


def archives() -> Iterator[tuple[str, bytes, bool | None]]:
    """Shards and archives."""
    members = [
        (f"{n:03}.{kind}", content)
        for n in range(12)
        for kind, content in (("png", picture(colour=n)), ("txt", f"a shape {n}".encode()))
    ]
    good = tar_of(*members)
    yield from (
        ("annotations good.tar", good, True),
        ("annotations cut.tar", good[: len(good) // 2 + 99], False),
        ("annotations empty.tar", tar_of(), False),
        ("annotations no captions.tar", tar_of(*members[::2]), False),
        ("annotations no pictures.tar", tar_of(*members[1::2]), False),
        ("annotations twice.tar", tar_of(*members, *members[:2]), None),
        ("annotations up.tar", tar_of(("../../000.png", picture()), ("../../000.txt", b"x")), None),
        ("annotations root.tar", tar_of(("/etc/000.png", picture()), ("/etc/000.txt", b"x")), None),
        ("annotations device.tar", tar_of(("000.png", b""), ("000.txt", b""), kind=tarfile.CHRTYPE), False),
        ("annotations link.tar", tar_of(("000.png", b""), ("000.txt", b""), kind=tarfile.SYMTYPE, link="/etc/passwd"), False),
        ("annotations loop.tar", tar_of(("000.png", b""), kind=tarfile.LNKTYPE, link="000.png"), False),
        ("annotations names.tar", tar_of(("n" * 3000 + ".png", picture()), ("n" * 3000 + ".txt", b"x")), None),
        ("annotations json.tar", tar_of(("0.png", picture()), ("0.json", b"[" * 5000)), False),
        ("annotations packed.tar.gz", tar_of(*members, mode="w:gz"), True),
        ("annotations packed.tar.xz", tar_of(*members, mode="w:xz"), True),
        ("annotations cut.tar.gz", tar_of(*members, mode="w:gz")[:400], False),
        ("annotations cut.tar.xz", tar_of(*members, mode="w:xz")[:400], False),
        ("annotations noise.tar.bz2", random.Random(3).randbytes(2000), False),
        ("annotations bomb.tar.gz", gzip.compress(bytes(1 << 24)), False),
        ("annotations good.zip", zip_of(*members), None),
        ("annotations cut.zip", zip_of(*members)[:-40], False),
        ("annotations empty.zip", zip_of(), False),
        ("annotations flags.zip", bytes(b | (1 if i == 6 else 0) for i, b in enumerate(zip_of(*members))), None),
        ("annotations tar.zip", good, None),
        ("annotations zip.tar", zip_of(*members), None),
    )  # fmt: skip


def parquet(**columns: Any) -> bytes:
    """A parquet file."""
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def tables() -> Iterator[tuple[str, bytes, bool | None]]:
    """Parquet files."""
    images = [{"bytes": picture(colour=n), "path": name} for n, name in enumerate(NAMES)]
    texts = [f"a shape {n}" for n in range(12)]
    good = parquet(image=images, caption=texts)
    yield from (
        ("annotations good.parquet", good, True),
        ("annotations lists.parquet", parquet(image=images, caption=[[t, "b"] for t in texts]), True),
        ("annotations dictionary.parquet", parquet(image=images, caption=pa.array(texts).dictionary_encode()), True),
        ("annotations large.parquet", parquet(image=images, caption=pa.array(texts, pa.large_string())), True),
        ("annotations nulls.parquet", parquet(image=images, caption=[None, *texts[1:]]), False),
        ("annotations no image.parquet", parquet(image=[None, *images[1:]], caption=texts), False),
        ("annotations numbers.parquet", parquet(image=images, caption=list(range(12))), False),
        ("annotations structs.parquet", parquet(image=images, caption=[{"raw": t, "n": 1} for t in texts]), None),
        ("annotations times.parquet", parquet(image=images, caption=pa.array(range(12), pa.timestamp("us"))), False),
        ("annotations maps.parquet", parquet(image=images, caption=pa.array([[("a", 1)]] * 12, pa.map_(pa.string(), pa.int64()))), False),
        ("annotations bytes.parquet", parquet(image=images, caption=[b"\xff\xfe"] * 12), False),
        ("annotations no rows.parquet", parquet(image=pa.array([], pa.binary()), caption=pa.array([], pa.string())), False),
        ("annotations no columns.parquet", parquet(), False),
        ("annotations other.parquet", parquet(a=[1], b=[2]), False),
        ("annotations noise.parquet", parquet(image=[{"bytes": b"noise", "path": "x"}] * 12, caption=texts), False),
        ("annotations cut.parquet", good[:-100], False),
        ("annotations head.parquet", good[:2000] + b"PAR1", False),
        ("annotations footer.parquet", good[:-8] + b"\xff\xff\xff\x7fPAR1", False),
        ("annotations empty.parquet", b"", False),
    )  # fmt: skip


def npz(**arrays: Any) -> bytes:
    """An archive of arrays."""
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def features() -> Iterator[tuple[str, bytes, bool | None]]:
    """Arrays of features."""
    one, other = np.random.default_rng(0).normal(size=(2, 30, 4)).astype(np.float32)
    good = npz(l14_img=one, l14_txt=other)
    holes = one.copy()
    holes[3, 1] = np.nan
    kinds: dict[str, tuple[bytes, bool | None]] = {
        "good": (good, None), "nan": (npz(l14_img=holes, l14_txt=other), False),
        "inf": (npz(l14_img=one, l14_txt=np.full_like(other, np.inf)), False),
        "lengths": (npz(l14_img=one[:5], l14_txt=other), False), "one side": (npz(l14_img=one), False),
        "vectors": (npz(l14_img=one[0], l14_txt=other[0]), False), "cubes": (npz(l14_img=one[None], l14_txt=other[None]), False),
        "texts": (npz(l14_img=np.array(["a"] * 30), l14_txt=other), False), "complex": (npz(l14_img=one + 1j, l14_txt=other), False),
        "objects": (npz(l14_img=np.array([{}] * 30), l14_txt=other), False), "empty rows": (npz(l14_img=one[:0], l14_txt=other[:0]), False),
        "no width": (npz(l14_img=one[:, :0], l14_txt=other[:, :0]), False), "bool": (npz(l14_img=one > 0, l14_txt=other), False),
        "zeros": (npz(l14_img=one * 0, l14_txt=other), None), "cut": (good[:-200], False), "noise": (os.urandom(300), False),
        "header": (good.replace(b"'<f4'", b"'|O8'"), False), "shape": (good.replace(b"(30, 4)", b"(90, 9)"), False),
        "huge shape": (good.replace(b"(30, 4), ", b"(9" + b"9" * 4 + b", 4),"), False), "nothing": (b"", False),
    }  # fmt: skip
    for name, (content, right) in kinds.items():
        yield f"features {name}.npz", content, right

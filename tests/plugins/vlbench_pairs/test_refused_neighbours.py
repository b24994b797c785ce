"""What lies near the forms that are read and is none of them: each is named, with what to do."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import re
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import vlbench
from vlbench.errors import DataError
from vlbench_pairs.recognise import recognise

COUNT = 12
NAMES = [f"{number:03d}.png" for number in range(COUNT)]
PACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress}


def write_images(folder: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        (folder / "images").mkdir(exist_ok=True)
        Image.new("RGB", (64, 64), (20 * number, 255 - 20 * number, 100)).save(folder / "images" / name)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("list.xlsx", b"PK", "list.xlsx: a spreadsheet. Save it as CSV"),
        ("list.csv", "image,caption\n000.png,caf\xe9\n".encode("latin-1"), "iconv -f LATIN1"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        recognise(str(tmp_path))


def test_captions_within_a_zip_of_images_are_told_how_to_be_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "an archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("images/000.png", b"a picture")
        archive.writestr("all/captions.csv", "image,caption\n000.png,one\n")
    said = f"unzip -j '{path}' all/captions.csv && vlbench init '{path}' --captions captions.csv"
    with pytest.raises(DataError, match=re.escape(said)):
        recognise(str(path))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("list.pkl", "a pickle, which can run any code"),
        ("list.sqlite", "sqlite3 -header -csv list.sqlite"),
        ("images.tar.zst", "Unpack it: zstd -d images.tar.zst"),
        ("list.h5", "a file of arrays. Write pictures as files"),
        ("list.tfrecord", "Write them as tar shards"),
        ("list.yaml", "pictures and no caption: expected x.txt or x.json beside x.jpg, or a table"),
    ],
)
def test_a_file_that_is_not_read_is_named_with_what_to_do(name: str, said: str, tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    (tmp_path / name).write_bytes(b"\x80\x04never read")
    with pytest.raises(DataError, match=said):
        recognise(str(tmp_path))


def test_pictures_of_a_kind_that_is_not_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.dng").write_bytes(b"raw")
    (tmp_path / "a.txt").write_text("a caption")
    with pytest.raises(DataError, match=r"a.dng: a picture of a kind that is not read. Convert"):
        recognise(str(tmp_path))


def test_heic_is_refused_with_the_package_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(DataError, match=r"Install it: pip install 'vlbench\[heic\]'"):
        vlbench.data.open_picture(b"\0\0\0\x18ftypheic\0\0\0\0", "a.heic")


@pytest.mark.parametrize("suffix", PACK)
def test_a_packed_table_that_was_cut_is_named(suffix: str, tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    (tmp_path / f"list.csv{suffix}").write_bytes(PACK[suffix](b"image,caption\n" * 50)[:-9])
    with pytest.raises(DataError, match=rf"list.csv{suffix}: not a whole \w+ file"):
        recognise(str(tmp_path))


def test_tables_of_addresses_alone_are_told_to_be_fetched_first(tmp_path: Path) -> None:
    rows = "".join(f"a caption of {number}\thttps://example.org/{number}\n" for number in range(COUNT))
    (tmp_path / "list.tsv").write_text(rows)
    with pytest.raises(DataError, match=r"Fetch the pictures first, for instance by img2dataset"):
        recognise(str(tmp_path))


def test_several_pictures_in_a_row_are_told(tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    rows = [{"images": [name, NAMES[0]], "caption": "a caption"} for name in NAMES]
    (tmp_path / "list.json").write_text(json.dumps(rows))
    with pytest.raises(DataError, match=r"'images' holds 2 images, expected one. Write a row for each"):
        recognise(str(tmp_path))


def test_boxes_beside_pictures_are_no_captions(tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    for name in NAMES:
        (tmp_path / "images" / f"{Path(name).stem}.txt").write_text("0 0.5 0.5 0.1 0.1")
    with pytest.raises(DataError, match=r"000.txt and others hold no words"):
        recognise(str(tmp_path))

"""Data of the kinds that are read, as they differ in the wild: packed, renamed, addressed, said in turns."""

from __future__ import annotations

import base64
import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import vlbench
from vlbench.errors import DataError
from vlbench_pairs.options import PairsOptions
from vlbench_pairs.reader import load
from vlbench_pairs.recognise import recognise

COUNT = 12
NAMES = [f"{number:03d}.png" for number in range(COUNT)]


def picture(number: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (20 * number, 255 - 20 * number, 100)).save(buffer, "PNG")
    return buffer.getvalue()


def write_images(folder: Path, names: list[str]) -> None:
    for number, name in enumerate(names):
        path = folder / "images" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(number))


def write_table(folder: Path, names: list[str], header: str = "image,caption", *, to: str = "list.csv") -> None:
    text = "\n".join([header, *(f"{name},picture {number}" for number, name in enumerate(names))])
    (folder / to).write_bytes(gzip.compress(text.encode()) if to.endswith(".gz") else text.encode())


def write_parquet(folder: Path, rows: list[dict[str, Any]]) -> None:
    import pyarrow
    from pyarrow import parquet

    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "rows.parquet")


def packed_table(folder: Path) -> None:
    write_images(folder, NAMES)
    write_table(folder, NAMES, to="list.csv.gz")


def packed_lines(folder: Path) -> None:
    write_images(folder, NAMES)
    lines = [json.dumps({"image": name, "caption": f"picture {number}"}) for number, name in enumerate(NAMES)]
    (folder / "list.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode()))


def other_case_of_suffixes(folder: Path) -> None:
    write_images(folder, [name.replace("png", "PNG") if number % 2 else name for number, name in enumerate(NAMES)])
    write_table(folder, NAMES)


def other_case_of_names(folder: Path) -> None:
    write_images(folder, [f"img_{name}" for name in NAMES])
    write_table(folder, [f"IMG_{name}" for name in NAMES])


def numbers_without_zeros(folder: Path) -> None:
    write_images(folder, [f"{number:012d}.png" for number in range(COUNT)])
    write_table(folder, [str(number) for number in range(COUNT)], "image_id,caption")


def addresses(folder: Path) -> None:
    write_images(folder, [f"a {name}" for name in NAMES])
    write_table(folder, [f"https://example.org/x/a%20{name}?size=2#top" for name in NAMES], "url,caption")


def structs_that_name_files(folder: Path) -> None:
    write_images(folder, NAMES)
    write_parquet(folder, [{"image": {"path": name}, "caption": f"picture {n}"} for n, name in enumerate(NAMES)])


def base64_in_parquet(folder: Path) -> None:
    texts = [base64.b64encode(picture(number)).decode() for number in range(COUNT)]
    write_parquet(folder, [{"image": text, "caption": f"picture {number}"} for number, text in enumerate(texts)])


def conversations(folder: Path) -> None:
    write_images(folder, NAMES)
    turns = [
        [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": f"picture {number}"}]
        for number in range(COUNT)
    ]
    records = [{"image": name, "conversations": said} for name, said in zip(NAMES, turns, strict=True)]
    (folder / "llava.json").write_text(json.dumps(records))


def coco_with_its_other_files(folder: Path) -> None:
    write_images(folder, NAMES)
    (folder / "annotations").mkdir()
    images = [{"id": number, "file_name": name} for number, name in enumerate(NAMES)]
    texts = [{"id": number, "image_id": number, "caption": f"picture {number}"} for number in range(COUNT)]
    boxes = [{"id": number, "image_id": number, "bbox": [0, 0, 1, 1]} for number in range(COUNT)]
    for name, of_kind in (("captions", texts), ("instances", boxes), ("person_keypoints", boxes)):
        content = json.dumps({"images": images, "annotations": of_kind})
        (folder / "annotations" / f"{name}_train2014.json").write_text(content)


def a_split_called_all(folder: Path) -> None:
    import datasets

    rows = [{"image": {"bytes": picture(n), "path": None}, "caption": f"picture {n}"} for n in range(COUNT)]
    datasets.DatasetDict({"all": datasets.Dataset.from_list(rows)}).save_to_disk(str(folder / "saved"))


def parts_of_a_table(folder: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    for part in range(3):
        rows = [{"image": {"bytes": picture(n)}, "caption": f"picture {n}"} for n in range(part, COUNT, 3)]
        parquet.write_table(pyarrow.Table.from_pylist(rows), folder / f"part-{part}.parquet")


def a_table_in_a_folder_of_each_split(folder: Path) -> None:
    for split, numbers in (("test", (0, 1)), ("train", range(2, 10)), ("val", (10, 11))):
        (folder / split).mkdir()
        for number in numbers:
            (folder / split / NAMES[number]).write_bytes(picture(number))
        rows = "".join(f"{NAMES[number]},picture {number}\n" for number in numbers)
        (folder / split / "captions.csv").write_text(f"image,caption\n{rows}")


def texts_whose_names_have_a_tail(folder: Path) -> None:
    write_images(folder, NAMES)
    for number, name in enumerate(NAMES):
        (folder / "images" / f"{Path(name).stem}_caption.txt").write_text(f"picture {number}")


def a_zip_alone_in_a_folder_made_on_a_mac(folder: Path) -> None:
    with zipfile.ZipFile(folder / "data.zip", "w") as archive:
        for number, name in enumerate(NAMES):
            archive.writestr(f"data/{name}", picture(number))
            archive.writestr(f"data/{Path(name).stem}.txt", f"picture {number}")
            archive.writestr(f"__MACOSX/data/._{Path(name).stem}.txt", b"\0\5\x16\7")


def missing_values_spelled_out(folder: Path) -> None:
    write_images(folder, [*NAMES, "more.png"])
    write_table(folder, NAMES)
    with (folder / "list.csv").open("a") as table:
        table.write("\nmore.png,nan\n")


def some_pictures_without_captions_in_a_shard(folder: Path) -> None:
    with tarfile.open(folder / "00000.tar", "w") as archive:
        for number, name in enumerate([*NAMES, "more.png"]):
            texts = [] if name == "more.png" else [(f"{Path(name).stem}.txt", f"picture {number}".encode())]
            for member, content in [(name, picture(number)), *texts]:
                header = tarfile.TarInfo(member)
                header.size = len(content)
                archive.addfile(header, io.BytesIO(content))


FORMS = (
    parts_of_a_table, a_table_in_a_folder_of_each_split, texts_whose_names_have_a_tail,
    a_zip_alone_in_a_folder_made_on_a_mac, missing_values_spelled_out, some_pictures_without_captions_in_a_shard,
    packed_table, packed_lines, other_case_of_suffixes, other_case_of_names, numbers_without_zeros, addresses,
    structs_that_name_files, base64_in_parquet, conversations, coco_with_its_other_files, a_split_called_all,
)  # fmt: skip


def read(folder: Path, store: Path) -> vlbench.PairDataset:
    draft = recognise(str(folder))
    assert draft is not None
    options = {name: tuple(value) if isinstance(value, list) else value for name, value in draft.options.items()}
    return load(PairsOptions(size=8, **options), store)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_each_picture_has_its_own_caption(form: Callable[[Path], None], tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    form(folder)
    found = {}
    for split in read(folder, tmp_path / "store").splits.values():
        for image, text in split.pairs.tolist():
            found[split.items["text"][text]] = int(split.items["image"][image, 0].float().mean())
    assert found == {f"picture {number}": 20 * number for number in range(COUNT)}


def test_a_number_is_never_taken_for_another_where_one_name_is_there(tmp_path: Path) -> None:
    write_images(tmp_path, ["1.png", "2.png", "003.png"])
    write_table(tmp_path, ["1.png", "2.png", "3.png"])
    with pytest.raises(DataError, match=r"image '3.png' is missing"):
        load(PairsOptions(annotations=(str(tmp_path / "list.csv"),), size=8), tmp_path / "store")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("list.xlsx", b"PK", "list.xlsx: a spreadsheet. Save it as CSV"),
        ("list.csv", "image,caption\n000.png,caf\xe9\n".encode("latin-1"), "iconv -f LATIN1"),
        ("list.csv.gz", gzip.compress(b"image,caption\n")[:-4], "not a whole gzip file"),
    ],
)
def test_a_table_that_cannot_be_read_is_named(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=said):
        recognise(str(tmp_path))


def test_captions_within_a_zip_of_images_are_told_how_to_be_taken_out(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("images/000.png", picture(0))
        archive.writestr("captions.csv", "image,caption\n000.png,one\n")
    with pytest.raises(DataError, match=r"unzip -j archive.zip 'captions.csv'"):
        recognise(str(tmp_path / "archive.zip"))


def test_a_list_as_numpy_prints_it_holds_its_texts_apart(tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    rows = [f"{name},\"['picture {number}'\n 'the same']\"" for number, name in enumerate(NAMES)]
    (tmp_path / "list.csv").write_text("\n".join(["image,caption", *rows]))
    splits = read(tmp_path, tmp_path / "store").splits.values()
    texts = [text for split in splits for text in split.items["text"]]
    assert sorted(texts) == sorted([*(f"picture {number}" for number in range(COUNT)), *["the same"] * COUNT])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("list.pkl", "a pickle, which can run any code"),
        ("list.sqlite", "sqlite3 -header -csv list.sqlite"),
        ("list.jsonl.zst", "Unpack it: zstd -d list.jsonl.zst"),
        ("list.feather", "Write it as parquet"),
        ("list.yaml", "pictures and no caption: expected x.txt or x.json beside x.jpg, or a table"),
    ],
)
def test_a_file_that_is_not_read_is_named_with_what_to_do(name: str, said: str, tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    (tmp_path / name).write_bytes(b"\x80\x04never read")
    with pytest.raises(DataError, match=said):
        recognise(str(tmp_path))


def test_pictures_of_a_kind_that_is_not_read_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.heic").write_bytes(b"heic")
    (tmp_path / "a.txt").write_text("a caption")
    with pytest.raises(DataError, match=r"a.heic: a picture of a kind that is not read. Convert"):
        recognise(str(tmp_path))


def test_tables_of_addresses_alone_are_told_to_be_fetched_first(tmp_path: Path) -> None:
    rows = "".join(f"a caption of {number}\thttps://example.org/{number}\n" for number in range(COUNT))
    (tmp_path / "list.tsv").write_text(rows)
    with pytest.raises(DataError, match=r"Fetch the pictures first, for instance by img2dataset"):
        recognise(str(tmp_path))


def test_pictures_as_base64_in_a_table_of_text_are_refused(tmp_path: Path) -> None:
    rows = [f"{n}\ta caption\t{base64.b64encode(picture(n)).decode()}\n" for n in range(COUNT)]
    (tmp_path / "list.tsv").write_text("".join(rows))
    with pytest.raises(DataError, match=r"'column 3' holds pictures as base64, which are read from parquet only"):
        recognise(str(tmp_path))


def test_boxes_beside_pictures_are_no_captions(tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    for name in NAMES:
        (tmp_path / "images" / f"{Path(name).stem}.txt").write_text("0 0.5 0.5 0.1 0.1")
    with pytest.raises(DataError, match=r"000.txt and others hold no words"):
        recognise(str(tmp_path))

"""An image is its whole path or its bytes; splits where there are none; what is left out on request."""

from __future__ import annotations

import json
import os
import tarfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from vlbench import PairDataset
from vlbench.errors import DataError
from vlbench_pairs.options import PairsOptions
from vlbench_pairs.reader import load

Write = Callable[[str, Any], str]


def read(tmp_path: Path, *annotations: object, **options: Any) -> PairDataset:
    names = tuple(str(one) for one in annotations)
    return load(PairsOptions(annotations=names, size=8, **options), tmp_path / "store")


def many(folder: Path, count: int, *, alike: int = 0) -> list[dict[str, str]]:
    """Pictures of different greys, some of them alike to the byte, and a caption each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        grey = number % (count - alike)
        Image.new("RGB", (4, 4), (grey, 255 - grey, 7)).save(folder / f"{number:03d}.png", compress_level=0)
    return [{"image": f"{number:03d}.png", "caption": f"grey number {number}"} for number in range(count)]


def names(dataset: PairDataset) -> dict[str, list[str]]:
    return {split: list(found.names["image"]) for split, found in dataset.splits.items()}


# Names


def test_a_missing_file_is_not_replaced_by_one_of_the_same_name(tmp_path: Path, photographs: Path, sample: Any) -> None:
    (photographs / "cats").mkdir()
    (photographs / "dogs").mkdir()
    for name in sample.captions:
        (photographs / name).rename(photographs / ("cats" if name == "a.jpg" else "dogs") / name)
    body = [record | {"image": f"dogs/{record['image']}"} for record in sample.records()]
    path = photographs / "list.json"
    path.write_text(json.dumps(body))
    with pytest.raises(DataError, match=r"'dogs/a\.jpg' is missing.*There is .*cats/a\.jpg, in another folder"):
        read(tmp_path, path)


def test_two_folders_may_hold_the_same_names(tmp_path: Path, photographs: Path, sample: Any) -> None:
    body = []
    for record in sample.records():
        folder = photographs / record["split"] / "pictures"
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{len(list(folder.iterdir())):03d}.jpg"
        (photographs / record["image"]).rename(folder / name)
        body.append(record | {"image": f"{record['split']}/pictures/{name}"})
    path = photographs / "list.json"
    path.write_text(json.dumps(body))
    dataset = read(tmp_path, path)
    assert [len(found) for found in names(dataset).values()] == [2, 1, 1]
    assert (
        len({tuple(image.flatten().tolist()) for split in dataset.splits.values() for image in split.items["image"]})
        == 4
    )


def test_a_folder_that_only_the_annotations_have_is_left_out_for_all(
    tmp_path: Path, photographs: Path, sample: Any
) -> None:
    body = [record | {"image": f"somewhere/else/{record['image']}"} for record in sample.records()]
    path = photographs / "list.json"
    path.write_text(json.dumps(body))
    assert names(read(tmp_path, path))["val"] == ["somewhere/else/c.jpg"]
    body[0]["image"], body[1]["image"] = "one/a.jpg", "two/a.jpg"
    path.write_text(json.dumps(body))
    with pytest.raises(DataError, match=r"is missing|same file"):
        read(tmp_path, path)


@pytest.mark.parametrize(("on_disk", "in_file"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_names_that_look_alike_are_alike(
    on_disk: str, in_file: str, tmp_path: Path, photographs: Path, sample: Any
) -> None:
    name = "café.jpg"
    (photographs / "a.jpg").rename(photographs / unicodedata.normalize(on_disk, name))
    path = photographs / "list.json"
    path.write_text(json.dumps(sample.records(0, image=unicodedata.normalize(in_file, name))))
    assert unicodedata.normalize("NFC", names(read(tmp_path, path))["train"][0]) == name


def test_names_may_lack_their_suffix(tmp_path: Path, photographs: Path, sample: Any) -> None:
    lines = [f"{number},{name[0]},caption {number}" for number, name in enumerate(sample.captions)]
    (photographs / "list.csv").write_text("\n".join(["id,name,caption", *lines]))
    assert sum(map(len, names(read(tmp_path, photographs / "list.csv")).values())) == 4


# Damage


def test_a_damaged_archive_is_named_with_how_far_it_goes(
    tmp_path: Path, photographs: Path, write: Write, sample: Any
) -> None:
    path = tmp_path / "images.tar.xz"
    with tarfile.open(path, "w:xz") as archive:
        for file in sorted(photographs.iterdir()):
            (photographs / file.name).write_bytes(file.read_bytes() + os.urandom(60_000))
            archive.add(file, file.name)
    whole = path.read_bytes()
    half = len(whole) // 2
    path.write_bytes(whole[:half] + bytes(200) + whole[half + 200 :])
    with pytest.raises(DataError, match=r"images\.tar\.xz: (damaged.*first \d files can be listed|.*cannot be read)"):
        read(tmp_path, write("list.json", sample.records()), images=(str(path),))


def test_all_missing_images_are_counted(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    for name in ("a.jpg", "c.jpg"):
        (photographs / name).unlink()
    with pytest.raises(DataError, match=r"2 of 4 images are missing \('a\.jpg', 'c\.jpg', \.\.\.\).*skip_bad = true"):
        read(tmp_path, write("list.json", sample.records()), images=(str(photographs),))


def test_what_cannot_be_read_is_left_out_counted_and_named_on_request(tmp_path: Path) -> None:
    body = many(tmp_path / "data", 20)
    clean = json.dumps(body)
    (tmp_path / "data" / "list.json").write_text(clean)
    whole = read(tmp_path, tmp_path / "data" / "list.json")
    assert read(tmp_path, tmp_path / "data" / "list.json", skip_bad=True).fingerprint == whole.fingerprint
    (tmp_path / "data" / "003.png").unlink()
    (tmp_path / "data" / "005.png").write_bytes(b"no picture")
    body[7]["caption"] = " "
    del body[9]["caption"]
    (tmp_path / "data" / "list.json").write_text(json.dumps(body))
    dataset = read(tmp_path, tmp_path / "data" / "list.json", skip_bad=True)
    kept = {name for found in names(dataset).values() for name in found}
    assert {record["image"] for record in body} - kept == {"003.png", "005.png", "007.png", "009.png"}
    (note,) = [note for note in dataset.notes if "skip_bad" in note]
    listed = Path(note.rpartition(": ")[2]).read_text()
    assert all(name in listed for name in ("003.png", "005.png", "007.png", "record 9"))
    again = read(tmp_path, tmp_path / "data" / "list.json", skip_bad=True)
    assert again.fingerprint == dataset.fingerprint


def test_what_was_left_out_is_a_part_of_the_fingerprint(tmp_path: Path) -> None:
    body = many(tmp_path / "data", 12)
    for record, split in zip(body, ["train"] * 8 + ["val"] * 2 + ["test"] * 2, strict=True):
        record["split"] = split
    path = tmp_path / "data" / "list.json"
    path.write_text(json.dumps(body[1:]))
    without = read(tmp_path, path)
    path.write_text(json.dumps(body))
    (tmp_path / "data" / "000.png").unlink()
    assert read(tmp_path, path, skip_bad=True).fingerprint != without.fingerprint


def test_a_broken_row_is_named_or_left_out(tmp_path: Path) -> None:
    body = many(tmp_path / "data", 8)
    lines = ["image\tcaption", *("\t".join(record.values()) for record in body)]
    lines[3] = lines[3].replace("\t", " ")
    (tmp_path / "data" / "list.tsv").write_text("\n".join(lines))
    with pytest.raises(DataError, match=r"list\.tsv, line 4: expected 2 fields \(image, caption\), found 1.*skip_bad"):
        read(tmp_path, tmp_path / "data" / "list.tsv")
    dataset = read(tmp_path, tmp_path / "data" / "list.tsv", skip_bad=True)
    assert sum(map(len, names(dataset).values())) == 7


# Splits


def test_splits_are_drawn_by_image_where_files_tell_none(tmp_path: Path) -> None:
    body = many(tmp_path / "data", 50)
    (tmp_path / "data" / "list.json").write_text(json.dumps(body))
    dataset = read(tmp_path, tmp_path / "data" / "list.json")
    found = names(dataset)
    assert [len(of_split) for of_split in found.values()] == [40, 5, 5]
    assert sorted(name for of_split in found.values() for name in of_split) == [record["image"] for record in body]
    assert "no split in the files: drawn by image from all with seed 0 (40 train, 5 val, 5 test)" in dataset.notes
    (tmp_path / "data" / "list.json").write_text(json.dumps(body[::-1]))
    assert {
        split: set(of_split) for split, of_split in names(read(tmp_path, tmp_path / "data" / "list.json")).items()
    } == {split: set(of_split) for split, of_split in found.items()}
    assert names(read(tmp_path, tmp_path / "data" / "list.json", split_seed=1)) != found


def test_the_same_picture_is_never_drawn_into_two_splits(tmp_path: Path) -> None:
    body = many(tmp_path / "data", 60, alike=30)
    (tmp_path / "data" / "list.json").write_text(json.dumps(body))
    for seed in range(5):
        found = names(read(tmp_path, tmp_path / "data" / "list.json", split_seed=seed))
        pictures = {
            split: {(tmp_path / "data" / name).read_bytes() for name in of_split} for split, of_split in found.items()
        }
        assert not pictures["train"] & pictures["test"]
        assert not pictures["train"] & pictures["val"]
        assert not pictures["val"] & pictures["test"]
        assert sum(map(len, found.values())) == 60


@pytest.mark.parametrize(
    ("given", "counts"),
    [
        (["train"] * 40, [32, 4, 4]),
        (["train"] * 30 + ["val"] * 10, [27, 10, 3]),
        (["train"] * 30 + ["test"] * 10, [27, 3, 10]),
        (["test"] * 40, [32, 4, 4]),
        (["val"] * 10 + ["test"] * 30, [27, 10, 3]),
    ],
)
def test_a_split_that_is_missing_is_drawn_from_another(given: list[str], counts: list[int], tmp_path: Path) -> None:
    body = [record | {"split": split} for record, split in zip(many(tmp_path / "data", 40), given, strict=True)]
    (tmp_path / "data" / "list.json").write_text(json.dumps(body))
    dataset = read(tmp_path, tmp_path / "data" / "list.json")
    assert [len(found) for found in names(dataset).values()] == counts
    assert any("drawn by image from" in note for note in dataset.notes)


def test_at_most_5000_images_are_drawn_for_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vlbench_pairs.splits.MOST", 3)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "list.json").write_text(json.dumps(many(tmp_path / "data", 50)))
    assert [len(found) for found in names(read(tmp_path, tmp_path / "data" / "list.json")).values()] == [44, 3, 3]

"""Published sets: Karpathy's counts, the folder of the files, and stand-ins."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import vlbench.cli.main
from vlbench import PairDataset
from vlbench.errors import DataError
from vlbench_pairs.counts import KARPATHY, check_counts
from vlbench_pairs.options import CocoOptions, Flickr8kOptions, Flickr30kOptions
from vlbench_pairs.reader import load
from vlbench_pairs.rows import Fields

OPTIONS = {"flickr8k": Flickr8kOptions, "flickr30k": Flickr30kOptions, "coco": CocoOptions}
FILES = {
    "flickr8k": {"dataset_flickr8k.json", "Flicker8k_Dataset"},
    "flickr30k": {"dataset_flickr30k.json", "flickr30k-images"},
    "coco": {"dataset_coco.json", "train2014", "val2014"},
}


def invoke(*words: str) -> Result:
    return CliRunner().invoke(vlbench.cli.main.main, list(words))


def mock(name: str, folder: Path, images: int = 64) -> Path:
    result = invoke("data", "mock", name, "--images", str(images), "--out", str(folder / name))
    assert result.exit_code == 0, result.output
    return folder / name


def read(name: str, root: Path, **options: Any) -> PairDataset:
    return load(OPTIONS[name](root=str(root), size=8, **options), root.parent / "store")


FIVE, SIX = ["a"] * 5, ["a"] * 6


def records(images: tuple[int, int, int], captions: tuple[int, int, int]) -> dict[str, list[Fields]]:
    """As many records as said, captions shared out as evenly as can be, at least five each."""
    made = {}
    for split, count, texts in zip(("train", "val", "test"), images, captions, strict=True):
        more = texts - 5 * count
        made[split] = [Fields(f"{split}{n}.jpg", "here", False, SIX if n < more else FIVE) for n in range(count)]
    return made


@pytest.mark.parametrize("name", sorted(KARPATHY))
def test_karpathys_counts_pass_and_one_image_or_caption_less_stops_with_the_reason(name: str) -> None:
    right = KARPATHY[name]
    found = records(right.images, right.captions)
    check_counts(found, name)
    last = found["val"].pop()
    with pytest.raises(DataError, match=f"{name}: {right.images[1] - 1:,} val images, expected {right.images[1]:,}"):
        check_counts(found, name)
    found["val"].append(last)
    found["test"][7].captions = ["a"] * 4
    with pytest.raises(DataError, match=r"here: 4 captions of image 'test7\.jpg'"):
        check_counts(found, name)
    found["test"][7].captions = ["a"] * 7
    with pytest.raises(DataError, match=r"7 captions of image 'test7.jpg'|25,011 test captions, expected 25,010"):
        check_counts(found, name)


def test_flickr8k_is_counted_before_an_image_is_looked_for(tmp_path: Path) -> None:
    sentences = [{"raw": f"caption {number}"} for number in range(5)]
    images = [
        {"filename": f"{split}{number}.jpg", "split": split, "sentences": sentences}
        for split, count in zip(("train", "val", "test"), KARPATHY["flickr8k"].images, strict=True)
        for number in range(count)
    ]
    (tmp_path / "Flicker8k_Dataset").mkdir()
    file = tmp_path / "dataset_flickr8k.json"
    file.write_text(json.dumps({"images": images}))
    with pytest.raises(DataError, match=r"'train0\.jpg' is missing"):
        read("flickr8k", tmp_path)
    file.write_text(json.dumps({"images": images[1:]}))
    with pytest.raises(DataError, match=r"5,999 train images, expected 6,000.*6,000 / 1,000 / 1,000"):
        read("flickr8k", tmp_path)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_a_mock_has_the_files_of_the_set_and_says_that_it_is_one(name: str, tmp_path: Path) -> None:
    root = mock(name, tmp_path)
    assert {path.name for path in root.iterdir()} == FILES[name]
    dataset = read(name, root)
    assert dataset.mock
    assert [dataset.split(split).count("image") for split in ("train", "val", "test")] == [48, 8, 8]
    content = json.loads((root / f"dataset_{name}.json").read_text())
    assert {image["split"] for image in content["images"]} == {"train", "val", "test"} | (
        {"restval"} if name == "coco" else set()
    )


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_a_mock_without_its_mark_is_stopped_by_the_counts(name: str, tmp_path: Path) -> None:
    root = mock(name, tmp_path)
    file = root / f"dataset_{name}.json"
    content = json.loads(file.read_text())
    del content["mock"]
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=f"{name}: 48 train images, expected"):
        read(name, root)
    assert not read(name, root, expect="").mock


def test_cocos_sixth_captions_count_unless_five_are_asked_for(tmp_path: Path) -> None:
    root = mock("coco", tmp_path)
    every, five = read("coco", root), read("coco", root, captions=5)
    assert sum(split.count("text") for split in every.splits.values()) == 5 * 64 + 8
    assert all(split.count("text") == 5 * split.count("image") for split in five.splits.values())


def test_captions_are_cleaned_as_by_vldd(tmp_path: Path) -> None:
    texts = read("flickr30k", mock("flickr30k", tmp_path), clean="vldd").split("train").items["text"]
    assert texts == [text.lower() for text in texts]
    assert not any(set(text) & set('.!"()*#:;~') for text in texts)
    assert any("," in text for text in texts)


def test_images_may_stay_in_the_archive_they_came_in(tmp_path: Path) -> None:
    import shutil

    root = mock("flickr30k", tmp_path)
    before = read("flickr30k", root).fingerprint
    shutil.make_archive(str(root / "flickr30k-images"), "tar", root / "flickr30k-images")
    shutil.rmtree(root / "flickr30k-images")
    assert read("flickr30k", root).fingerprint == before


def test_a_mock_overwrites_nothing_and_is_no_larger_than_it_may_be(tmp_path: Path) -> None:
    root = mock("flickr8k", tmp_path)
    again = invoke("data", "mock", "flickr8k", "--out", str(root))
    assert again.exit_code == 1
    assert "exists already" in again.output
    for images in ("15", "5001"):
        assert "16 to 5,000" in invoke("data", "mock", "flickr8k", "--images", images, "--out", "new").output
    assert not Path("new").exists()
    other = invoke("data", "mock", "scenes")
    assert "has no mock. Those that have one: audiocaps, clotho, coco, didemo, flickr30k, flickr8k." in other.output

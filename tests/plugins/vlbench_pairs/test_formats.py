"""Every annotation format gives the same dataset."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from vlbench import PairDataset
from vlbench.errors import DataError
from vlbench_pairs.options import PairsOptions
from vlbench_pairs.reader import load

Write = Callable[[str, Any], str]


def check(dataset: PairDataset, sample: Any) -> None:
    """The four photographs, their captions and the relation between them."""
    assert dataset.sides == ("image", "text")
    for split in ("train", "val", "test"):
        names = sample.names(split)
        found = dataset.split(split)
        assert list(found.names["image"]) == names
        assert found.items["text"] == [caption for name in names for caption in sample.captions[name]]
        assert found.items["image"].dtype == torch.uint8
        assert found.items["image"].shape == (len(names), 3, 8, 8)
        for index, name in enumerate(names):
            mean = found.items["image"][index].float().mean((1, 2))
            assert (mean - torch.tensor(sample.colours[name])).abs().max() < 4
            texts = found.pairs[found.pairs[:, 0] == index, 1].tolist()
            assert [found.items["text"][text] for text in texts] == sample.captions[name]


def read(tmp_path: Path, images: Any, *annotations: str, **options: Any) -> PairDataset:
    images = tuple(images) if isinstance(images, list) else (str(images),)
    return load(PairsOptions(annotations=annotations, images=images, size=8, **options), tmp_path / "store")


def karpathy(sample: Any, **changes: Any) -> dict[str, Any]:
    records = [
        {"filename": name, "split": split, "sentences": [{"raw": caption} for caption in sample.captions[name]]}
        for name, split in sample.split_of_image.items()
    ]
    return {"dataset": "flickr8k", "images": [record | changes for record in records]}


def token_text(sample: Any) -> str:
    return "".join(f"{name}#{i}\t{text}\n" for name, texts in sample.captions.items() for i, text in enumerate(texts))


def split_lists(write: Write, sample: Any, *, suffix: str = ".jpg") -> tuple[str, ...]:
    names = {"train": "Flickr_8k.trainImages.txt", "val": "Flickr_8k.devImages.txt", "test": "Flickr_8k.testImages.txt"}
    return tuple(
        write(file, "".join(name.replace(".jpg", suffix) + "\n" for name in sample.names(split)))
        for split, file in names.items()
    )


def test_a_retrieval_file_with_splits_is_read(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    check(read(tmp_path, photographs, write("captions.json", sample.records())), sample)


def test_images_are_read_from_tar_files(tmp_path: Path, shards: list[str], write: Write, sample: Any) -> None:
    check(read(tmp_path, shards, write("captions.json", sample.records())), sample)


def test_images_are_read_from_a_pattern_of_tar_files(
    tmp_path: Path, shards: list[str], write: Write, sample: Any
) -> None:
    check(read(tmp_path, tmp_path / "shard-*", write("captions.json", sample.records())), sample)


def test_retrieval_files_of_one_split_each_are_told_apart_by_their_names(
    tmp_path: Path, photographs: Path, write: Write, sample: Any
) -> None:
    paths = []
    for split in ("train", "val", "test"):
        names = sample.names(split)
        records = [{"image": f"flickr30k-images/{name}", "caption": sample.captions[name]} for name in names]
        if split == "train":  # BLIP's train files have one record per caption
            records = [{"image": record["image"], "caption": text} for record in records for text in record["caption"]]
        paths.append(write(f"flickr30k_{split}.json", records))
    dataset = read(tmp_path, photographs, *paths)
    assert dataset.fingerprint == read(tmp_path, photographs, write("all.json", sample.records())).fingerprint


def test_a_split_can_be_written_before_a_file_name(
    tmp_path: Path, photographs: Path, write: Write, sample: Any
) -> None:
    entries = [
        f"{record['split']}={write(f'file{index}.json', [{key: record[key] for key in ('image', 'caption')}])}"
        for index, record in enumerate(sample.records())
    ]
    check(read(tmp_path, photographs, *entries), sample)


def test_a_karpathy_file_is_read(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    check(read(tmp_path, photographs, write("dataset_flickr8k.json", karpathy(sample))), sample)


def test_restval_and_filepath_of_coco_are_understood(
    tmp_path: Path, photographs: Path, write: Write, sample: Any
) -> None:
    content = karpathy(sample, filepath="val2014")
    content["images"][1]["split"] = "restval"
    dataset = read(tmp_path, photographs, write("dataset_coco.json", content))
    assert list(dataset.split("train").names["image"]) == ["val2014/a.jpg", "val2014/b.jpg"]


def test_a_token_file_is_read_with_split_lists(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    text = token_text(sample) + "unlisted.jpg.1#0\tA photograph on no list\n"
    check(read(tmp_path, photographs, write("Flickr8k.token.txt", text), splits=split_lists(write, sample)), sample)


def test_split_lists_may_leave_out_the_suffix(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    check(
        read(
            tmp_path,
            photographs,
            write("results.token", token_text(sample)),
            splits=split_lists(write, sample, suffix=""),
        ),
        sample,
    )


def test_a_csv_file_is_read_with_split_lists(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    lines = [f'{name},"{text}"' for name, texts in sample.captions.items() for text in texts]
    path = write("captions.txt", "\n".join(["image,caption", *lines]))
    check(read(tmp_path, photographs, path, splits=split_lists(write, sample)), sample)


def test_a_csv_file_may_have_a_split_column(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    lines = [
        f'{sample.split_of_image[name]},{name},"{text}"' for name, texts in sample.captions.items() for text in texts
    ]
    check(read(tmp_path, photographs, write("captions.csv", "\n".join(["split,image,caption", *lines]))), sample)


def test_a_saved_hugging_face_dataset_carries_its_images(tmp_path: Path, sample: Any) -> None:
    datasets = pytest.importorskip("datasets")
    tables = {}
    for split, own in {"train": "train", "validation": "val", "test": "test"}.items():
        names = sample.names(own)
        cells = [{"bytes": sample.jpeg(name), "path": name} for name in names]
        features = datasets.Features(image=datasets.Image(), caption=datasets.Sequence(datasets.Value("string")))
        columns = {"image": cells, "caption": [sample.captions[name] for name in names]}
        tables[split] = datasets.Dataset.from_dict(columns, features=features)
    datasets.DatasetDict(tables).save_to_disk(str(tmp_path / "saved"))
    check(read(tmp_path, [], str(tmp_path / "saved")), sample)
    check(read(tmp_path, [], str(tmp_path / "saved"), format="huggingface"), sample)


def test_a_hugging_face_dataset_may_only_name_its_files(tmp_path: Path, photographs: Path, sample: Any) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [
        {"filename": name, "first": sample.captions[name][0], "others": sample.captions[name][1:], "split": split}
        for name, split in sample.split_of_image.items()
    ]
    datasets.Dataset.from_list(rows).save_to_disk(str(tmp_path / "saved"))
    check(read(tmp_path, photographs, str(tmp_path / "saved"), caption_columns=("first", "others")), sample)


def test_a_missing_datasets_package_is_told(tmp_path: Path, photographs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "datasets", None)
    with pytest.raises(DataError, match=r"pip install 'vlbench\[hf\]'"):
        read(tmp_path, [], "someone/something", format="huggingface")


def test_captions_are_cleaned_as_in_vldd_on_request(
    tmp_path: Path, photographs: Path, write: Write, sample: Any
) -> None:
    records = sample.records()
    records[3]["caption"] = ['  A "Grey"  thing (small): #1 ~ ok . ' + "word " * 40]
    path = write("captions.json", records)
    cleaned = read(tmp_path, photographs, path, clean="vldd").split("test").items["text"]
    assert cleaned == ["a grey thing small 1 ok " + " ".join(["word"] * 24)]
    raw = read(tmp_path, photographs, path).split("test").items["text"]
    assert raw == [records[3]["caption"][0].strip()]


def test_pixels_are_decoded_once(
    tmp_path: Path, photographs: Path, write: Write, monkeypatch: pytest.MonkeyPatch, sample: Any
) -> None:
    path = write("captions.json", sample.records())
    first = read(tmp_path, photographs, path)

    def fail(*_: Any) -> None:
        raise AssertionError("decoded again")

    monkeypatch.setattr("vlbench.data.images.decode_image", fail)
    assert read(tmp_path, photographs, path).fingerprint == first.fingerprint
    with pytest.raises(AssertionError, match="decoded again"):
        load(PairsOptions(annotations=(path,), images=(str(photographs),), size=9), tmp_path / "store")


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    check(
        read(tmp_path, photographs, write("captions.json", b"\xef\xbb\xbf" + json.dumps(sample.records()).encode())),
        sample,
    )

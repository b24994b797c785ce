"""Data as it is found in the wild, each form made by the tool that makes it, gives the same dataset."""

from __future__ import annotations

import csv
import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vlbench import PairDataset
from vlbench.errors import DataError
from vlbench_pairs.options import PairsOptions
from vlbench_pairs.reader import load

Write = Callable[[str, Any], str]
FOLDERS = {"train": "train", "val": "validation", "test": "test"}
"""Split -> what Hugging Face's tools call it."""


def read(tmp_path: Path, *annotations: object, **options: Any) -> PairDataset:
    names = tuple(str(one) for one in annotations)
    return load(PairsOptions(annotations=names, size=8, **options), tmp_path / "store")


def content(dataset: PairDataset) -> dict[str, list[tuple[tuple[int, ...], list[str]]]]:
    """Split -> mean colour of each image, rounded, and its captions; in an order of its own."""
    found = {}
    for name, split in dataset.splits.items():
        of_split = []
        for index in range(split.count("image")):
            mean = split.items["image"][index].float().mean((1, 2)) / 10
            texts = split.pairs[split.pairs[:, 0] == index, 1].tolist()
            of_split.append((tuple(mean.round().int().tolist()), [split.items["text"][text] for text in texts]))
        found[name] = sorted(of_split)
    return found


@pytest.fixture
def expected(sample: Any) -> dict[str, Any]:
    found = {}
    for split in FOLDERS:
        names = sample.names(split)
        colours = {name: tuple(round(value / 10) for value in sample.colours[name]) for name in names}
        found[split] = sorted((colours[name], sample.captions[name]) for name in names)
    return found


def one_caption(expected: dict[str, Any]) -> dict[str, Any]:
    return {split: [(colour, texts[:1]) for colour, texts in found] for split, found in expected.items()}


def rows(sample: Any) -> list[dict[str, str]]:
    return [
        {"image": name, "caption": text, "split": split}
        for name, split in sample.split_of_image.items()
        for text in sample.captions[name]
    ]


# Tables of text


@pytest.mark.parametrize("separator", [",", "\t", "|", ";"])
@pytest.mark.parametrize("names", [("image", "caption"), ("filepath", "title"), ("Image Name", " Comment ")])
def test_tables_of_any_separator_and_column_names_are_read(
    separator: str, names: tuple[str, str], tmp_path: Path, photographs: Path, sample: Any, expected: Any
) -> None:
    path = photographs / "list.txt"
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow([*names, "split"])
        writer.writerows([row["image"], row["caption"], row["split"]] for row in rows(sample))
    assert content(read(tmp_path, path)) == expected


def test_columns_of_unknown_names_are_found_by_what_they_hold(
    tmp_path: Path, photographs: Path, sample: Any, expected: Any
) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame(rows(sample)).rename(columns={"image": "bild", "caption": "satz"})
    table["nummer"] = range(len(table))
    table.to_csv(photographs / "list.csv", index=False)
    assert content(read(tmp_path, photographs / "list.csv")) == expected


def test_columns_that_are_named_go_before_the_usual_ones(
    tmp_path: Path, photographs: Path, sample: Any, expected: Any
) -> None:
    table = [{**row, "image": "wrong", "caption": "wrong", "a": row["image"], "b": row["caption"]}
             for row in rows(sample)]  # fmt: skip
    (photographs / "list.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table))
    with (photographs / "list.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, table[0].keys())
        writer.writeheader()
        writer.writerows(table)
    (photographs / "list.json").write_text(json.dumps(table))
    for kind in ("csv", "json", "jsonl"):
        path = photographs / f"list.{kind}"
        assert content(read(tmp_path, path, image_column="a", caption_columns=("b",))) == expected


def test_a_table_without_a_header_is_read(tmp_path: Path, photographs: Path, sample: Any, expected: Any) -> None:
    for split in FOLDERS:
        lines = [f"{row['image']}\t{row['caption']}\n" for row in rows(sample) if row["split"] == split]
        (photographs / f"{split}.tsv").write_text("".join(lines))
    assert content(read(tmp_path, photographs / "*.tsv")) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_text_files_of_spreadsheets_are_read(
    encoding: str, newline: str, tmp_path: Path, photographs: Path, sample: Any, expected: Any
) -> None:
    text = newline.join(["image;caption;split", *(";".join(row.values()) for row in rows(sample))])
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    (photographs / "list.csv").write_bytes(mark + text.encode(encoding))
    assert content(read(tmp_path, photographs / "list.csv")) == expected


def test_kaggles_flickr30k_is_read_and_its_broken_row_noted(
    tmp_path: Path, photographs: Path, sample: Any, expected: Any
) -> None:
    lines = ["image_name| comment_number| comment"]
    lines += [f"{name}| {i}| {text}" for name, texts in sample.captions.items() for i, text in enumerate(texts)]
    lines[4] = lines[4].replace("| 1| ", "| 1   ")
    (photographs / "results.csv").write_text("\n".join(lines))
    lists = tuple(lists_of(photographs, sample))
    dataset = read(tmp_path, photographs / "results.csv", splits=lists)
    assert content(dataset) == expected
    assert any("results.csv, line 5: a separator is missing" in note for note in dataset.notes)


def lists_of(folder: Path, sample: Any) -> list[str]:
    for split in FOLDERS:
        (folder / f"{split}.txt").write_text("".join(f"{name}\n" for name in sample.names(split)))
    return [str(folder / f"{split}.txt") for split in FOLDERS]


def test_a_cell_that_spells_out_a_list_holds_its_captions(
    tmp_path: Path, photographs: Path, sample: Any, expected: Any
) -> None:
    pandas = pytest.importorskip("pandas")
    table = [{"filename": name, "raw": texts, "split": sample.split_of_image[name]}
             for name, texts in sample.captions.items()]  # fmt: skip
    pandas.DataFrame(table).to_csv(photographs / "list.csv", index=False)
    assert content(read(tmp_path, photographs / "list.csv")) == expected


def test_lines_end_at_line_ends_only(tmp_path: Path, photographs: Path, sample: Any, expected: Any) -> None:
    odd = "A red\u2028square\x0c\x1e\x85."
    text = "".join(
        f"{name}#{number}\t{odd if (name, number) == ('a.jpg', 0) else caption}\n"
        for name, captions in sample.captions.items()
        for number, caption in enumerate(captions)
    )
    (photographs / "results.token").write_text(text, encoding="utf-8")
    dataset = read(tmp_path, photographs / "results.token", splits=tuple(lists_of(photographs, sample)))
    assert dataset.split("train").items["text"][0] == odd


# JSON


def test_cocos_own_captions_are_read(tmp_path: Path, photographs: Path, sample: Any, expected: Any) -> None:
    for split in FOLDERS:
        names = sample.names(split)
        images = [{"id": 7 + number, "file_name": name} for number, name in enumerate(names)]
        notes = [{"image_id": 7 + number, "caption": text}
                 for number, name in enumerate(names) for text in sample.captions[name]]  # fmt: skip
        body = json.dumps({"info": {}, "images": images, "annotations": notes})
        (photographs / f"captions_{split}2014.json").write_text(body)
    assert content(read(tmp_path, photographs / "captions_*2014.json")) == expected


def test_instances_of_coco_are_refused_as_such(tmp_path: Path, photographs: Path) -> None:
    body = {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"image_id": 1, "bbox": []}]}
    (photographs / "instances_train.json").write_text(json.dumps(body))
    with pytest.raises(DataError, match=r"annotations\[0\]: no 'caption'. Give COCO's captions"):
        read(tmp_path, photographs / "instances_train.json")


def test_a_mapping_of_names_to_captions_is_read(tmp_path: Path, photographs: Path, sample: Any, expected: Any) -> None:
    for split in FOLDERS:
        body = {name: sample.captions[name] for name in sample.names(split)}
        (photographs / f"{split}.json").write_text(json.dumps(body))
    assert content(read(tmp_path, photographs / "*.json")) == expected


@pytest.mark.parametrize("suffix", ["jsonl", "json"])
def test_json_lines_are_read(suffix: str, tmp_path: Path, photographs: Path, sample: Any, expected: Any) -> None:
    pandas = pytest.importorskip("pandas")
    path = photographs / f"list.{suffix}"
    pandas.DataFrame(rows(sample)).to_json(path, orient="records", lines=True)
    assert content(read(tmp_path, path)) == expected


@pytest.mark.parametrize(
    "shape",
    [
        lambda texts: [{"raw": text, "tokens": text.split()} for text in texts],
        lambda texts: {"raw": texts, "tokens": [text.split() for text in texts]},
        lambda texts: [{"sentences": {"raw": text}} for text in texts],
        lambda texts: [[text] for text in texts],
    ],
)
def test_captions_are_found_in_structs_and_lists(
    shape: Callable[[list[str]], Any], tmp_path: Path, photographs: Path, sample: Any, expected: Any
) -> None:
    body = [
        {"image": name, "sentences": shape(texts), "split": sample.split_of_image[name]}
        for name, texts in sample.captions.items()
    ]
    (photographs / "list.json").write_text(json.dumps(body))
    assert content(read(tmp_path, photographs / "list.json")) == expected


def test_a_translation_is_refused_until_its_language_is_named(
    tmp_path: Path, photographs: Path, sample: Any, expected: Any
) -> None:
    body = [{**row, "caption": {"en": row["caption"], "de": "Nein"}} for row in rows(sample)]
    (photographs / "list.json").write_text(json.dumps(body))
    with pytest.raises(DataError, match=r"record 0: column 'caption' holds structs \(en: str, de: str\)"):
        read(tmp_path, photographs / "list.json")
    assert content(read(tmp_path, photographs / "list.json", caption_columns=("caption.en",))) == expected


# Folders and archives


def beside(folder: Path, sample: Any, texts: Callable[[list[str]], str]) -> None:
    for name, split in sample.split_of_image.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        (folder / split / name).write_bytes(sample.jpeg(name))
        (folder / split / name).with_suffix(".txt").write_text(texts(sample.captions[name]))


def test_pictures_with_texts_beside_them_are_read(tmp_path: Path, sample: Any, expected: Any) -> None:
    beside(tmp_path / "data", sample, lambda texts: texts[0] + "\n")
    assert content(read(tmp_path, tmp_path / "data")) == one_caption(expected)


def test_text_files_with_as_many_lines_each_hold_a_caption_a_line(tmp_path: Path, sample: Any, expected: Any) -> None:
    beside(tmp_path / "data", sample, lambda texts: "\n".join(texts[:2]))
    two = {split: [(colour, texts[:2]) for colour, texts in found] for split, found in expected.items()}
    dataset = read(tmp_path, tmp_path / "data")
    assert content(dataset) == two
    assert any("every text file has 2 lines" in note for note in dataset.notes)
    whole = {split: [(colour, [" ".join(texts)]) for colour, texts in found] for split, found in two.items()}
    assert content(read(tmp_path, tmp_path / "data", text_lines="whole")) == whole


def test_reports_of_several_lines_are_one_caption_each(tmp_path: Path, sample: Any, expected: Any) -> None:
    beside(tmp_path / "data", sample, "\n\n".join)
    dataset = read(tmp_path, tmp_path / "data")
    joined = {split: [(colour, [" ".join(texts)]) for colour, texts in found] for split, found in expected.items()}
    assert content(dataset) == joined
    assert any("4 text files have several lines" in note for note in dataset.notes)
    assert content(read(tmp_path, tmp_path / "data", text_lines="lines")) == expected


def test_names_with_dots_stay_apart(tmp_path: Path, sample: Any, expected: Any) -> None:
    with tarfile.open(tmp_path / "train.tar", "w") as archive:
        for number, name in enumerate(sample.captions):
            for suffix, body in (("jpg", sample.jpeg(name)), ("txt", f"caption {number}".encode())):
                member = tarfile.TarInfo(f"2024.01.0{number}.{suffix}")
                member.size = len(body)
                archive.addfile(member, io.BytesIO(body))
    dataset = read(tmp_path, tmp_path / "train.tar")
    assert sum(split.count("image") for split in dataset.splits.values()) == 4


@pytest.mark.parametrize("packed", ["zip", "tar.gz"])
def test_an_archive_of_pictures_with_texts_is_read(packed: str, tmp_path: Path, sample: Any, expected: Any) -> None:
    beside(tmp_path / "data", sample, lambda texts: texts[0])
    path = tmp_path / f"data.{packed}"
    if packed == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted((tmp_path / "data").rglob("*.*")):
                archive.write(file, file.relative_to(tmp_path))
    else:
        with tarfile.open(path, "w:gz") as tar:
            tar.add(tmp_path / "data", "data")
    assert content(read(tmp_path, path)) == one_caption(expected)


def test_images_are_read_from_a_zip(
    tmp_path: Path, photographs: Path, write: Write, sample: Any, expected: Any
) -> None:
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as archive:
        for file in photographs.iterdir():
            archive.write(file, f"photographs/{file.name}")
    path = write("list.json", sample.records())
    assert content(read(tmp_path, path, images=(str(tmp_path / "images.zip"),))) == expected


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_an_imagefolder_is_read(kind: str, tmp_path: Path, sample: Any, expected: Any) -> None:
    pandas = pytest.importorskip("pandas")
    for split, folder in FOLDERS.items():
        inside = tmp_path / "data" / folder
        inside.mkdir(parents=True)
        table = [{"file_name": name, "text": sample.captions[name]} for name in sample.names(split)]
        for name in sample.names(split):
            (inside / name).write_bytes(sample.jpeg(name))
        frame = pandas.DataFrame(table)
        if kind == "csv":
            frame.explode("text").to_csv(inside / "metadata.csv", index=False)
        elif kind == "jsonl":
            frame.to_json(inside / "metadata.jsonl", orient="records", lines=True)
        else:
            frame.to_parquet(inside / "metadata.parquet")
    assert content(read(tmp_path, tmp_path / "data")) == expected


# Shards


def shards(folder: Path, sample: Any, **more: Callable[[str], Any]) -> None:
    webdataset = pytest.importorskip("webdataset")
    folder.mkdir()
    for split in FOLDERS:
        names = sample.names(split)
        for number, name in enumerate(names):
            with webdataset.TarWriter(str(folder / f"{split}-{number:05d}.tar")) as writer:
                key = f"{number:09d}"  # the same keys in every split
                writer.write({"__key__": key, "jpg": sample.jpeg(name), **{k: make(name) for k, make in more.items()}})


def test_shards_of_webdataset_are_read(tmp_path: Path, sample: Any, expected: Any) -> None:
    shards(tmp_path / "shards", sample, txt=lambda name: sample.captions[name][0])
    dataset = read(tmp_path, tmp_path / "shards" / "{train,val,test}-*.tar")
    assert content(dataset) == one_caption(expected)
    assert content(read(tmp_path, tmp_path / "shards")) == one_caption(expected)
    assert dataset.split("train").names["image"][0] == "train-00000/000000000.jpg"


def test_a_pattern_in_braces_names_shards(tmp_path: Path, sample: Any) -> None:
    shards(tmp_path / "shards", sample, txt=lambda name: sample.captions[name][0])
    base = tmp_path / "shards"
    dataset = read(
        tmp_path, base / "train-{00000..00001}.tar", base / "val-00000.tar", base / "test-{00000..00000}.tar"
    )
    assert [split.count("image") for split in dataset.splits.values()] == [2, 1, 1]
    with pytest.raises(DataError, match=r"train-00002\.tar' does not exist"):
        read(tmp_path, base / "train-{00000..00003}.tar")


def test_shards_of_img2dataset_are_read_under_their_uids(tmp_path: Path, sample: Any, expected: Any) -> None:
    uids = {name: f"{number:032x}" for number, name in enumerate(sample.captions)}
    record = {"key": "0", "status": "success", "url": "https://x", "width": 20}
    shards(
        tmp_path / "shards",
        sample,
        txt=lambda name: sample.captions[name][0],
        json=lambda name: {**record, "uid": uids[name], "caption": sample.captions[name][0]},
    )
    dataset = read(tmp_path, tmp_path / "shards")
    assert content(dataset) == one_caption(expected)
    assert list(dataset.split("val").names["image"]) == [uids["c.jpg"]]


def test_captions_may_stand_in_the_json_of_a_sample(tmp_path: Path, sample: Any, expected: Any) -> None:
    shards(tmp_path / "shards", sample, json=lambda name: {"captions": sample.captions[name]})
    assert content(read(tmp_path, tmp_path / "shards")) == expected


# Parquet and datasets


def test_parquet_files_of_the_hub_carry_their_images(tmp_path: Path, sample: Any, expected: Any) -> None:
    datasets = pytest.importorskip("datasets")
    (tmp_path / "hub" / "data").mkdir(parents=True)
    for split, word in FOLDERS.items():
        table = hub_table(datasets, sample, sample.names(split))
        table.to_parquet(str(tmp_path / "hub" / "data" / f"{word}-00000-of-00001.parquet"))
    assert content(read(tmp_path, tmp_path / "hub")) == expected


def hub_table(datasets: Any, sample: Any, names: list[str], *, named: bool = False) -> Any:
    cells = [{"bytes": sample.jpeg(name), "path": name if named else None} for name in names]
    features = datasets.Features(image=datasets.Image(), caption=datasets.Sequence(datasets.Value("string")))
    return datasets.Dataset.from_dict(
        {"image": cells, "caption": [sample.captions[name] for name in names]}, features=features
    )


def test_a_dataset_on_the_hub_is_read_by_name(
    tmp_path: Path, sample: Any, expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    datasets = pytest.importorskip("datasets")
    tables = {word: hub_table(datasets, sample, sample.names(split)) for split, word in FOLDERS.items()}
    monkeypatch.setattr(datasets, "load_dataset", {"someone/pictures": datasets.DatasetDict(tables)}.__getitem__)
    assert content(read(tmp_path, "someone/pictures", format="huggingface")) == expected


def test_rows_of_one_picture_are_one_image_by_their_bytes(tmp_path: Path, sample: Any, expected: Any) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    for split in FOLDERS:
        pairs = [(name, text) for name in sample.names(split) for text in sample.captions[name]]
        # Every path is the same: base names say nothing.
        cells = [{"bytes": sample.jpeg(name), "path": "image.jpg"} for name, _ in pairs]
        table = pyarrow.table({"img": cells, "text": [text for _, text in pairs]})
        parquet.write_table(table, tmp_path / f"{split}.parquet", row_group_size=2)
    assert content(read(tmp_path, tmp_path / "*.parquet")) == expected


def test_parquet_of_img2dataset_is_read(tmp_path: Path, sample: Any, expected: Any) -> None:
    pandas = pytest.importorskip("pandas")
    for split in FOLDERS:
        table = [{"caption": sample.captions[name][0], "key": name, "url": "https://x", "jpg": sample.jpeg(name)}
                 for name in sample.names(split)]  # fmt: skip
        pandas.DataFrame(table).to_parquet(tmp_path / f"{split}.parquet")
    assert content(read(tmp_path, tmp_path / "{train,val,test}.parquet")) == one_caption(expected)


def test_parquet_may_name_files_of_a_folder(tmp_path: Path, photographs: Path, sample: Any, expected: Any) -> None:
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame(rows(sample)).to_parquet(photographs / "list.parquet")
    assert content(read(tmp_path, photographs / "list.parquet")) == expected


def test_structs_of_coco_on_the_hub_are_sentences(
    tmp_path: Path, photographs: Path, sample: Any, expected: Any
) -> None:
    datasets = pytest.importorskip("datasets")
    tables = {}
    for split, word in FOLDERS.items():
        table = [
            {"filename": name, "sentences": {"tokens": text.split(), "raw": text, "sentid": number}}
            for name in sample.names(split)
            for number, text in enumerate(sample.captions[name])
        ]
        tables[word] = datasets.Dataset.from_list(table)
    datasets.DatasetDict(tables).save_to_disk(str(tmp_path / "saved"))
    assert content(read(tmp_path, tmp_path / "saved", images=(str(photographs),))) == expected

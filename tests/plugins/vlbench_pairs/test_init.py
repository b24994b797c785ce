"""``vlbench init`` on the seventeen forms in which people hold image-text pairs, and a run of the suite it writes.

Pictures are drawn. With VLBENCH_REALPAIRS, a folder with captions.json and images-train.tar, they are its photographs.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image, ImageDraw

import vlbench.cli.main

COLOURS = ("red", "green", "blue", "black", "orange", "purple")
SPLITS = {"train": 40, "val": 10, "test": 10}
REAL = os.environ.get("VLBENCH_REALPAIRS", "")
SUFFIX = "jpg" if REAL else "png"
NAMES = [f"{number:03d}.{SUFFIX}" for number in range(sum(SPLITS.values()))]
SPLIT_OF = dict(zip(NAMES, [split for split, count in SPLITS.items() for _ in range(count)], strict=True))


@cache
def photographs() -> list[tuple[bytes, list[str]]]:
    """Files and captions of the first that are at hand."""
    records = json.loads((Path(REAL) / "captions.json").read_text(encoding="utf-8"))
    chosen = [record for record in records if record["split"] == "train"][: len(NAMES)]
    with tarfile.open(Path(REAL) / "images-train.tar") as archive:
        return [(archive.extractfile(record["image"]).read(), record["caption"]) for record in chosen]  # type: ignore[union-attr]


def captions(name: str) -> list[str]:
    number = int(name[:3])
    if REAL:
        return photographs()[number][1][:2]
    colour = COLOURS[number % len(COLOURS)]
    return [f"a {colour} bar, number {number}", f"bar {number} that is {colour}"]


def picture(name: str) -> bytes:
    number = int(name[:3])
    if REAL:
        return photographs()[number][0]
    image = Image.new("RGB", (24, 20), "white")
    ImageDraw.Draw(image).rectangle((number % 12, 3, number % 12 + 8, 16), COLOURS[number % len(COLOURS)])
    image.putpixel((0, 0), (number, number, number))
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def loose(folder: Path, below: str = "images") -> None:
    (folder / below).mkdir(parents=True, exist_ok=True)
    for name in NAMES:
        (folder / below / name).write_bytes(picture(name))


def table(folder: Path, file: str, header: list[str], *, separator: str = ",", split: bool = False) -> Path:
    loose(folder)
    with (folder / file).open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened, delimiter=separator)
        writer.writerow([*header, *(["split"] if split else [])])
        for name in NAMES:
            for text in captions(name):
                writer.writerow([name, text, *([SPLIT_OF[name]] if split else [])])
    return folder


def records(split: str = "") -> list[dict[str, Any]]:
    return [{"image": name, "caption": captions(name)} for name in NAMES if SPLIT_OF[name] == (split or SPLIT_OF[name])]


def karpathy(folder: Path) -> Path:
    loose(folder)
    images = [
        {"filename": name, "split": SPLIT_OF[name], "sentences": [{"raw": text} for text in captions(name)]}
        for name in NAMES
    ]
    (folder / "dataset.json").write_text(json.dumps({"images": images}))
    return folder


def retrieval(folder: Path) -> Path:
    loose(folder)
    for split in SPLITS:
        (folder / f"own_{split}.json").write_text(json.dumps(records(split)))
    return folder


def one_file_with_splits(folder: Path) -> Path:
    loose(folder)
    (folder / "all.json").write_text(json.dumps([one | {"split": SPLIT_OF[one["image"]]} for one in records()]))
    return folder


def coco(folder: Path) -> Path:
    loose(folder)
    for split in SPLITS:
        names = [name for name in NAMES if SPLIT_OF[name] == split]
        images = [{"id": int(name[:3]), "file_name": name} for name in names]
        notes = [{"image_id": int(name[:3]), "caption": text} for name in names for text in captions(name)]
        (folder / f"captions_{split}2014.json").write_text(json.dumps({"images": images, "annotations": notes}))
    return folder


def json_lines(folder: Path) -> Path:
    loose(folder)
    (folder / "list.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records()))
    return folder


def token(folder: Path) -> Path:
    loose(folder)
    lines = [f"{name}#{number}\t{text}\n" for name in NAMES for number, text in enumerate(captions(name))]
    (folder / "results.token").write_text("".join(lines))
    return folder


def kaggle(folder: Path) -> Path:
    loose(folder, "flickr30k_images")
    lines = [f"{name}| {number}| {text}\n" for name in NAMES for number, text in enumerate(captions(name))]
    (folder / "results.csv").write_text("".join(["image_name| comment_number| comment\n", *lines]))
    return folder


def beside(folder: Path) -> Path:
    loose(folder, ".")
    for name in NAMES:
        (folder / name).with_suffix(".txt").write_text(captions(name)[0])
    return folder


def imagefolder(folder: Path, kind: str) -> Path:
    import pandas

    for split in SPLITS:
        (folder / split).mkdir(parents=True)
        names = [name for name in NAMES if SPLIT_OF[name] == split]
        for name in names:
            (folder / split / name).write_bytes(picture(name))
        frame = pandas.DataFrame({"file_name": names, "text": [captions(name)[0] for name in names]})
        if kind == "csv":
            frame.to_csv(folder / split / "metadata.csv", index=False)
        elif kind == "jsonl":
            frame.to_json(folder / split / "metadata.jsonl", orient="records", lines=True)
        else:
            frame.to_parquet(folder / split / "metadata.parquet")
    return folder


def shards(folder: Path) -> Path:
    import webdataset

    folder.mkdir()
    for shard in range(4):
        with webdataset.TarWriter(str(folder / f"{shard:05d}.tar")) as writer:
            for number, name in enumerate(NAMES[15 * shard : 15 * shard + 15]):
                about = {"key": f"{shard:05d}{number:04d}", "status": "success", "caption": captions(name)[0]}
                writer.write({"__key__": about["key"], SUFFIX: picture(name), "txt": captions(name)[0], "json": about})
    return folder


def braces(folder: Path) -> str:
    return f"{shards(folder)}/{{00000..00003}}.tar"


def hub_table(names: list[str]) -> Any:
    import datasets

    cells = [{"bytes": picture(name), "path": None} for name in names]
    features = datasets.Features(image=datasets.Image(), caption=datasets.Sequence(datasets.Value("string")))
    return datasets.Dataset.from_dict(
        {"image": cells, "caption": [captions(name) for name in names]}, features=features
    )


def saved(folder: Path) -> Path:
    hub_table(NAMES).save_to_disk(str(folder))
    return folder


def saved_with_splits(folder: Path) -> Path:
    import datasets

    tables = {split: hub_table([name for name in NAMES if SPLIT_OF[name] == split]) for split in SPLITS}
    datasets.DatasetDict(tables).save_to_disk(str(folder))
    return folder


def hub_parquet(folder: Path) -> Path:
    (folder / "data").mkdir(parents=True)
    hub_table(NAMES).to_parquet(str(folder / "data" / "train-00000-of-00001.parquet"))
    return folder


def parquet_of_img2dataset(folder: Path) -> Path:
    import pandas

    folder.mkdir()
    frame = {"key": NAMES, "caption": [captions(name)[0] for name in NAMES], "jpg": [picture(name) for name in NAMES]}
    pandas.DataFrame(frame).to_parquet(folder / "00000.parquet")
    return folder


def zipped(folder: Path) -> Path:
    beside(folder / "inner")
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for path in sorted((folder / "inner").iterdir()):
            archive.write(path, path.name)
    return folder / "all.zip"


def archive_beside(folder: Path) -> Path:
    """Captions in a file, images in a tar."""
    folder.mkdir()
    with tarfile.open(folder / "images.tar", "w") as archive:
        for name in NAMES:
            member = tarfile.TarInfo(name)
            member.size = len(picture(name))
            archive.addfile(member, io.BytesIO(picture(name)))
    (folder / "captions.json").write_text(json.dumps(records()))
    return folder


FORMS: dict[str, Callable[[Path], Path | str]] = {
    "karpathy": karpathy,
    "retrieval": retrieval,
    "retrieval in one file": one_file_with_splits,
    "csv": lambda folder: table(folder, "list.csv", ["image", "caption"], split=True),
    "csv without split": lambda folder: table(folder, "list.csv", ["image", "caption"]),
    "metadata columns": lambda folder: table(folder, "list.csv", ["file_name", "text"]),
    "open_clip": lambda folder: table(folder, "train.tsv", ["filepath", "title"], separator="\t"),
    "semicolons": lambda folder: table(folder, "list.csv", ["Bild", "Beschreibung"], separator=";"),
    "kaggle": kaggle,
    "token": token,
    "coco": coco,
    "json lines": json_lines,
    "x.jpg and x.txt": beside,
    "imagefolder csv": lambda folder: imagefolder(folder, "csv"),
    "imagefolder jsonl": lambda folder: imagefolder(folder, "jsonl"),
    "imagefolder parquet": lambda folder: imagefolder(folder, "parquet"),
    "save_to_disk": saved,
    "save_to_disk with splits": saved_with_splits,
    "hub parquet": hub_parquet,
    "img2dataset parquet": parquet_of_img2dataset,
    "webdataset": shards,
    "webdataset in braces": braces,
    "zip": zipped,
    "tar beside captions": archive_beside,
}


def invoke(*words: object) -> Result:
    return CliRunner().invoke(vlbench.cli.main.main, list(map(str, words)))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VLBENCH_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("form", FORMS)
def test_init_writes_a_suite_that_runs(form: str, here: Path) -> None:
    pytest.importorskip("datasets")
    pytest.importorskip("webdataset")
    result = invoke("init", FORMS[form](here / "mine"), "--to", "own.toml")
    assert result.exit_code == 0, result.output
    text = (here / "own.toml").read_text()
    assert len(text.splitlines()) <= 20
    assert all("  # " in line for line in text.splitlines())
    assert "Next: vlbench run --suite own.toml --method random --budget" in result.output
    with Image.open(here / "own.png") as sheet:
        assert sheet.width > 600
    done = invoke("run", "--suite", "own.toml", "--method", "random", "--budget", 10,
                  "--set", "training.seeds=1", "--set", "rows.always=[]", "--set", "rows.full=false")  # fmt: skip
    assert done.exit_code == 0, done.output
    if "split" in tomllib.loads(text)["data"]["options"]:
        assert {path.name for path in (here / "own-splits").iterdir()} == {"train.txt", "val.txt", "test.txt"}


def test_drawn_splits_are_fixed_by_lists_beside_the_suite(here: Path) -> None:
    result = invoke("init", json_lines(here / "mine"), "--to", "suites/own.toml")
    assert "no split in the files: drawn by image from all with seed 0 (48 train, 6 val, 6 test)" in result.output
    found = [name for path in (here / "suites" / "own-splits").iterdir() for name in path.read_text().split()]
    assert sorted(found) == NAMES
    options = tomllib.loads((here / "suites" / "own.toml").read_text())["data"]["options"]
    assert sorted(options["splits"]) == [f"suites/own-splits/{split}.txt" for split in ("test", "train", "val")]


def test_every_guess_is_printed_with_the_flag_that_changes_it(here: Path) -> None:
    path = table(here / "mine", "list.csv", ["Bild", "Beschreibung"])
    said = invoke("init", path).output
    assert "image column: Bild  (change: -o image_column=NAME)" in said
    assert "caption columns: Beschreibung  (change: -o caption_columns=NAME)" in said
    assert "(change: --captions FILE)" in said
    assert "(change: --image-encoder NAME:MODEL)" in said


def test_captions_may_be_named_beside_a_folder_of_images(here: Path) -> None:
    loose(here / "mine")
    (here / "elsewhere.json").write_text(json.dumps(records()))
    result = invoke("init", here / "mine" / "images", "--captions", "elsewhere.json", "--to", "own.toml")
    assert result.exit_code == 0, result.output
    options = tomllib.loads((here / "own.toml").read_text())["data"]["options"]
    assert (options["annotations"], options["images"]) == (["elsewhere.json"], ["mine/images"])


def test_what_cannot_be_read_is_left_out_and_said(here: Path) -> None:
    json_lines(here / "mine")
    (here / "mine" / "images" / NAMES[3]).write_bytes(b"broken")
    (here / "mine" / "images" / NAMES[4]).unlink()
    result = invoke("init", here / "mine", "--to", "own.toml")
    assert result.exit_code == 0, result.output
    assert tomllib.loads((here / "own.toml").read_text())["data"]["options"]["skip_bad"] is True
    assert NAMES[4] in result.output
    assert "left out, as skip_bad asks: 2" in result.output


def test_a_suite_that_is_there_is_not_written_over(here: Path) -> None:
    karpathy(here / "mine")
    (here / "own.toml").write_text("mine")
    result = invoke("init", here / "mine", "--to", "own.toml")
    assert result.exit_code == 1
    assert "there is a suite already" in result.output
    assert (here / "own.toml").read_text() == "mine"


@pytest.mark.parametrize("kind", ["empty", "classes", "missing"])
def test_what_holds_no_captions_is_told(kind: str, here: Path) -> None:
    if kind != "missing":
        (here / "mine" / "cats").mkdir(parents=True)
    if kind == "classes":
        (here / "mine" / "cats" / "1.png").write_bytes(picture(NAMES[0]))
    result = invoke("init", here / "mine")
    assert result.exit_code == 1
    assert "Error: " in result.output
    assert not list(here.glob("*.toml"))


def test_an_encoder_of_the_other_side_is_refused(here: Path) -> None:
    result = invoke("init", karpathy(here / "mine"), "--image-encoder", "sentence-transformers:x")
    assert "is an encoder of side 'text'" in result.output


def test_models_in_the_cache_of_the_hub_are_taken(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from vlbench.init.encoders import choose_encoder
    from vlbench.registry.loader import load_registry

    monkeypatch.setenv("HF_HUB_CACHE", str(here / "hub"))
    registry = load_registry()
    assert choose_encoder(registry, "image").label == "scenes-convnet"
    for folder in ("models--timm--resnet18.a1_in1k", "models--sentence-transformers--all-MiniLM-L6-v2"):
        (here / "hub" / folder / "snapshots" / "1").mkdir(parents=True)
        (here / "hub" / folder / "snapshots" / "1" / "model.safetensors").touch()
    assert choose_encoder(registry, "image").label == "timm:resnet18"
    text = choose_encoder(registry, "text")
    assert text.label == "sentence-transformers:sentence-transformers/all-MiniLM-L6-v2"


def test_what_was_left_out_stands_in_the_record(here: Path) -> None:
    json_lines(here / "mine")
    (here / "mine" / "images" / NAMES[3]).write_bytes(b"broken")
    assert invoke("init", here / "mine", "--to", "own.toml").exit_code == 0
    done = invoke("run", "--suite", "own.toml", "--method", "random", "--budget", 10, "--json",
                  "--set", "training.seeds=1", "--set", "rows.always=[]", "--set", "rows.full=false")  # fmt: skip
    (record,) = json.loads(done.stdout)
    (note,) = [warning for warning in record["warnings"] if "skip_bad" in warning]
    assert note.startswith(f"left out, as skip_bad asks: 1 ({NAMES[3]})")
    assert str(here / "cache") not in note

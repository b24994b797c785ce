"""Bad input is refused with an error that names the file."""

from __future__ import annotations

import io
import json
import os
import tarfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather

from vlbench.errors import DataError, OptionError
from vlbench.init.recognise import recognised
from vlbench.registry.loader import load_registry
from vlbench_pairs.options import PairsOptions
from vlbench_pairs.reader import load
from vlbench_pairs.rows import Skipped
from vlbench_pairs.sources import is_archive, members_of

Write = Callable[[str, Any], str]


def refuse(tmp_path: Path, images: Any, annotations: Any, match: str, **options: Any) -> None:
    annotations = (annotations,) if isinstance(annotations, str) else annotations
    with pytest.raises(DataError, match=match):
        load(PairsOptions(annotations=annotations, images=(str(images),), size=8, **options), tmp_path / "store")


def test_a_missing_image_is_named(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    (photographs / "c.jpg").unlink()
    refuse(tmp_path, photographs, write("x.json", sample.records()), r"x\.json, record 2: image 'c\.jpg' is missing")
    assert not (tmp_path / "store").exists()


def test_a_corrupt_jpeg_is_named_and_nothing_is_cached(
    tmp_path: Path, photographs: Path, write: Write, sample: Any
) -> None:
    path = photographs / "a.jpg"
    path.write_bytes(path.read_bytes()[:300])
    refuse(tmp_path, photographs, write("x.json", sample.records()), r"a\.jpg: cannot be decoded")
    assert {path.name for path in (tmp_path / "store").iterdir()} <= {".locks"}


def test_an_empty_image_file_is_named(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    (photographs / "d.jpg").write_bytes(b"")
    refuse(tmp_path, photographs, write("x.json", sample.records()), r"d\.jpg: cannot be decoded")


def test_an_image_without_captions_is_named(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    refuse(
        tmp_path,
        photographs,
        write("x.json", sample.records(1, caption=[])),
        r"x\.json, record 1.*'b\.jpg' has no captions",
    )


@pytest.mark.parametrize("caption", ["", "  ", "\t\n"])
def test_an_empty_caption_is_named(tmp_path: Path, photographs: Path, write: Write, sample: Any, caption: str) -> None:
    path = write("x.json", sample.records(3, caption=["fine", caption]))
    refuse(tmp_path, photographs, path, r"x\.json, record 3: an empty caption.*'d\.jpg'")


def test_a_caption_that_cleaning_empties_is_named(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    refuse(tmp_path, photographs, write("x.json", sample.records(3, caption=[". ."])), "an empty caption", clean="vldd")


def test_an_unknown_split_is_named(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    refuse(
        tmp_path,
        photographs,
        write("x.json", sample.records(0, split="trian")),
        r"x\.json, record 0: unknown split 'trian'",
    )


def test_an_image_without_a_split_among_others_is_named(
    tmp_path: Path, photographs: Path, write: Write, sample: Any
) -> None:
    records = sample.records()
    del records[1]["split"]
    refuse(tmp_path, photographs, write("x.json", records), r"image 'b\.jpg' has no split, and 1 images are in")


def test_lists_that_leave_a_split_empty_are_told(tmp_path: Path, photographs: Path, write: Write) -> None:
    lists = (write("train.txt", "a.jpg\nb.jpg\n"), write("val.txt", "c.jpg\n"))
    text = "a.jpg#0\tone\nb.jpg#0\ttwo\nc.jpg#0\tthree\n"
    refuse(tmp_path, photographs, write("x.token", text), "no images in split 'test'", splits=lists)


def test_two_images_are_too_few_to_split(tmp_path: Path, photographs: Path, write: Write) -> None:
    path = write("x.token", "a.jpg#0\tone\nb.jpg#0\ttwo\n")
    refuse(tmp_path, photographs, path, "the data has 2 different images, too few")


def test_an_image_in_two_splits_is_named(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    records = sample.records() + sample.records(0, split="test")[:1]
    refuse(tmp_path, photographs, write("x.json", records), r"'a\.jpg' is in two splits, train and test")


def test_an_image_on_two_lists_is_named(tmp_path: Path, photographs: Path, write: Write) -> None:
    lists = (write("train.txt", "a.jpg\nb.jpg\n"), write("val.txt", "c.jpg\na.jpg\n"))
    text = "a.jpg#0\tone\nb.jpg#0\ttwo\nc.jpg#0\tthree\n"
    refuse(tmp_path, photographs, write("x.token", text), r"val\.txt, line 2: image 'a\.jpg' is in two", splits=lists)


def test_a_listed_image_without_captions_is_named(tmp_path: Path, photographs: Path, write: Write) -> None:
    lists = (write("train.txt", "a.jpg\nghost.jpg\n"),)
    refuse(
        tmp_path, photographs, write("x.token", "a.jpg#0\tone\n"), r"line 2: image 'ghost\.jpg' has no", splits=lists
    )


def test_a_second_record_of_an_image_is_named(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    records = sample.records() + sample.records()[:1]
    refuse(tmp_path, photographs, write("x.json", records), r"record 4: a second record of image 'a\.jpg'.*record 0")


def test_two_names_of_one_file_in_two_splits_are_refused(
    tmp_path: Path, photographs: Path, write: Write, sample: Any
) -> None:
    path = write("x.json", sample.records(3, image="photographs/a.jpg"))
    refuse(tmp_path, photographs, path, r"record 3.*same file as 'a\.jpg'.*record 0")


def test_an_annotation_that_is_not_utf8_is_named(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    content = json.dumps(sample.records(2, caption=["caf\u00e9"]), ensure_ascii=False, indent=1).encode("latin-1")
    refuse(tmp_path, photographs, write("x.json", content), r"x\.json, line \d+: not UTF-8 .*iconv")


def test_a_missing_annotation_file_is_named(tmp_path: Path, photographs: Path) -> None:
    refuse(tmp_path, photographs, str(tmp_path / "nowhere.json"), r"nowhere\.json' does not exist")


def test_a_missing_image_folder_is_named(tmp_path: Path, write: Write, sample: Any) -> None:
    refuse(tmp_path, tmp_path / "nowhere", write("x.json", sample.records()), "images: .*nowhere' does not exist")


def test_an_annotation_of_unknown_format_is_named(tmp_path: Path, photographs: Path, write: Write) -> None:
    refuse(tmp_path, photographs, write("x.txt", "a photograph\n"), r"x\.txt: unknown format\. Known: karpathy")


def test_broken_json_is_named(tmp_path: Path, photographs: Path, write: Write) -> None:
    refuse(tmp_path, photographs, write("x.json", '[{"image": '), r"x\.json, line 1: not valid JSON")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        ([{"image": ["a.jpg", "b.jpg"], "caption": ["a"]}], "record 0: 'image' holds 2 images, expected one"),
        ([{"caption": ["a"]}], r"no column of images is known; its columns are \['caption'\]"),
        ([{"image": "a.jpg", "caption": "a"}, {"caption": "b"}], "record 1: field 'image' is None"),
        ([{"image": "a.jpg", "caption": [1]}], "record 0: column 'caption' holds int"),
        ([{"image": "a.jpg", "caption": {"a": "x", "b": "y"}}], r"holds structs \(a: str, b: str\).*caption.a"),
        ([7], "record 0: expected an object"),
        ({"a": 1}, "not a retrieval file"),
        ({"images": [{"filename": "a.jpg", "split": "train", "sentences": ["x"]}]}, r"images\[0\]: 'sentences' must"),
        ({"images": [{"filename": "a.jpg", "sentences": []}]}, r"images\[0\]: field 'split'"),
    ],
)
def test_a_malformed_json_record_is_named(
    tmp_path: Path, photographs: Path, write: Write, content: Any, match: str
) -> None:
    refuse(tmp_path, photographs, write("x.json", content), match)


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("x.token", "a.jpg#0\tone\nno tab here\n", r"x\.token, line 2: expected NAME#NUMBER"),
        ("x.token", "a.jpg#0\tone\na.jpg#0\ttwo\n", r"line 2: a\.jpg#0 comes a second time"),
        ("x.csv", "first,second\n1,2\n", r"x\.csv: no column of images is known.*'image' and 'caption'"),
        ("x.csv", "image,caption\na.jpg,one, two\n", r"x\.csv, line 2: expected 2 fields"),
        ("x.csv", "image,caption\na.jpg\n", r"x\.csv, line 2: expected 2 fields"),
    ],
)
def test_a_malformed_caption_line_is_named(
    tmp_path: Path, photographs: Path, write: Write, name: str, content: str, match: str
) -> None:
    refuse(tmp_path, photographs, write(name, content), match)


def test_a_truncated_tar_file_is_named(tmp_path: Path, shards: list[str], write: Write, sample: Any) -> None:
    path = Path(shards[0])
    path.write_bytes(path.read_bytes()[:700])
    refuse(tmp_path, path, write("x.json", sample.records()), r"shard-0\.tar")


def test_a_file_that_is_no_tar_file_is_named(tmp_path: Path, write: Write, sample: Any) -> None:
    path = write("images.tar", "no archive")
    refuse(tmp_path, path, write("x.json", sample.records()), r"images\.tar: not a whole tar file")


def test_an_annotation_cannot_reach_outside_the_image_folder(
    tmp_path: Path, photographs: Path, write: Write, sample: Any
) -> None:
    (tmp_path / "secret.jpg").write_bytes((photographs / "a.jpg").read_bytes())
    for name in ("../secret.jpg", str(tmp_path / "secret.jpg")):
        refuse(tmp_path, photographs, write("x.json", sample.records(0, image=name)), "is missing")


def test_a_name_that_fits_two_files_is_refused(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    for folder in ("one", "two"):
        (photographs / folder).mkdir()
        (photographs / folder / "e.jpg").write_bytes((photographs / "a.jpg").read_bytes())
    refuse(tmp_path, photographs, write("x.json", sample.records(0, image="e.jpg")), r"'e\.jpg' could be .* or ")


def test_a_size_below_one_is_refused(tmp_path: Path, photographs: Path, write: Write, sample: Any) -> None:
    options = PairsOptions(annotations=(write("x.json", sample.records()),), images=(str(photographs),), size=0)
    with pytest.raises(OptionError, match="size = 0"):
        load(options, tmp_path / "store")


def test_pipes_and_devices_in_a_folder_stay_closed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "never.zip")
    (tmp_path / "random.jpg").symlink_to("/dev/urandom")
    (tmp_path / "real.jpg").write_bytes(b"1234")
    assert not is_archive(tmp_path / "never.zip")
    with ExitStack() as stack:
        found = list(members_of(tmp_path, 0, stack, skipped=Skipped()))
    assert [member.file.name for member in found] == ["real.jpg"]


def test_a_field_of_csv_that_is_endless_is_named(tmp_path: Path, photographs: Path, write: Write) -> None:
    path = write("x.csv", f"image,caption\na.jpg,{'x' * 200_000}\n")
    refuse(tmp_path, photographs, path, r"x\.csv.*malformed CSV \(field larger")


@pytest.mark.parametrize("place", ["image_id", "id"])
def test_an_image_id_of_coco_that_is_an_object_is_named(
    tmp_path: Path, photographs: Path, write: Write, place: str
) -> None:
    coco = {
        "images": [{"id": 1 if place == "image_id" else [1], "file_name": "a.jpg"}],
        "annotations": [{"image_id": {} if place == "image_id" else 1, "caption": "one"}],
    }
    refuse(tmp_path, photographs, write("x.json", coco), f"field '{place}' is ")


def test_half_a_character_is_no_caption(tmp_path: Path, photographs: Path) -> None:
    rows = [{"image": "a.jpg", "caption": "a dog"}, {"image": "b.jpg", "caption": "half \ud83d of it"}]
    (tmp_path / "x.json").write_text(json.dumps(rows))
    refuse(
        tmp_path,
        photographs,
        str(tmp_path / "x.json"),
        r"record 1: half a character in a caption \('half \\ud83d of it'\)",
    )


def test_a_pipe_or_a_device_is_refused_before_anything_is_read(tmp_path: Path, photographs: Path) -> None:
    pipe = tmp_path / "captions.csv"
    os.mkfifo(pipe)  # opening it would wait for a writer for ever
    refuse(tmp_path, photographs, str(pipe), "is a pipe or a device")
    for place in (str(pipe), "/dev/zero"):
        with pytest.raises(DataError, match="pipe or a device"):
            recognised(load_registry(), str(photographs), place)


def test_a_packed_shard_that_ends_anywhere_is_read_or_refused(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.tar.gz", tmp_path / "cut.tar.gz"
    with tarfile.open(whole, "w:gz") as shard:
        for number in range(4):
            for kind, content in (("png", bytes(80)), ("txt", f"caption {number}".encode())):
                about = tarfile.TarInfo(f"{number}.{kind}")
                about.size = len(content)
                shard.addfile(about, io.BytesIO(content))
    for length in range(20, whole.stat().st_size):
        cut.write_bytes(whole.read_bytes()[:length])
        with suppress(DataError):  # too few pictures, or those that are whole
            recognised(load_registry(), str(cut), "")


def test_a_link_that_leads_nowhere_or_to_itself_is_named(tmp_path: Path, photographs: Path) -> None:
    for name in ("nowhere", "itself"):
        link = tmp_path / f"{name}.csv"
        link.symlink_to(link if name == "itself" else tmp_path / "gone.csv")
        refuse(tmp_path, photographs, str(link), "is a link that leads nowhere")
        with pytest.raises(DataError, match="is a link that leads nowhere"):
            recognised(load_registry(), str(photographs), str(link))
        with pytest.raises(DataError, match="no such file or folder"):
            recognised(load_registry(), str(link), "")


def test_an_arrow_file_whose_offsets_point_elsewhere_is_refused(tmp_path: Path, photographs: Path) -> None:
    names, texts = (pa.array([f"{kind} {number}" for number in range(9)]) for kind in ("name", "text"))
    valid, offsets, content = texts.buffers()
    wrong = np.frombuffer(offsets, np.int32).copy()
    wrong[4] += 1 << 30
    bad = pa.Array.from_buffers(pa.string(), 9, [valid, pa.py_buffer(wrong.tobytes()), content])
    path = str(tmp_path / "x.feather")
    feather.write_feather(pa.table({"image": names, "caption": bad}), path, compression="uncompressed")
    refuse(tmp_path, photographs, path, "not a whole arrow file")


def test_a_name_of_a_megabyte_that_is_left_out_takes_no_minutes(
    tmp_path: Path, photographs: Path, write: Write
) -> None:
    rows = [*(f"{path.name},one of them\n" for path in sorted(photographs.iterdir())), f"{'x' * 100_000},two\n"]
    path, began = write("x.csv", "image,caption\n" + "".join(rows)), time.process_time()
    with suppress(DataError):
        load(PairsOptions(annotations=(path,), images=(str(photographs),), size=8, skip_bad=True), tmp_path / "store")
    assert time.process_time() - began < 5

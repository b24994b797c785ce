"""Data of the kinds that are read, as they differ in the wild: packed, renamed, addressed, said in turns."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import json
import lzma
import shutil
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


def zstd(content: bytes) -> bytes:
    import pyarrow

    sink = pyarrow.BufferOutputStream()
    with pyarrow.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress, ".xz": lzma.compress, ".bz2": bz2.compress, ".zst": zstd,
}  # fmt: skip


def packed_in_other_ways(folder: Path) -> None:
    write_images(folder, NAMES)
    for number, (suffix, pack) in enumerate(PACK.items()):
        split = ("train", "train_more", "val", "test")[number]
        rows = [{"image": name, "caption": f"picture {n}"} for n, name in enumerate(NAMES) if n % len(PACK) == number]
        (folder / f"{split}.jsonl{suffix}").write_bytes(pack("\n".join(map(json.dumps, rows)).encode()))


def base64_in_a_table_of_text(folder: Path) -> None:
    rows = [f"{n}\tpicture {n}\tsky&&tree\t{base64.b64encode(picture(n)).decode()}\n" for n in range(COUNT)]
    (folder / "list.tsv").write_text("".join(rows))


def data_addresses(folder: Path) -> None:
    spelled = [f"data:image/png;base64,{base64.b64encode(picture(n)).decode()}" for n in range(COUNT)]
    rows = [json.dumps({"image": text, "caption": f"picture {n}"}) for n, text in enumerate(spelled)]
    (folder / "list.jsonl").write_text("\n".join(rows))


def embedded(numbers: range) -> Any:
    import pyarrow

    return pyarrow.Table.from_pylist([{"image": {"bytes": picture(n)}, "caption": f"picture {n}"} for n in numbers])


def the_cache_of_datasets(folder: Path) -> None:
    import pyarrow

    for part in range(2):
        table = embedded(range(part * COUNT // 2, (part + 1) * COUNT // 2))
        with pyarrow.ipc.new_stream(str(folder / f"name-train-0000{part}-of-00002.arrow"), table.schema) as stream:
            stream.write_table(table)


def feather(folder: Path) -> None:
    from pyarrow import feather

    feather.write_feather(embedded(range(COUNT)), str(folder / "list.feather"))


def pictures_in_lists_with_turns(folder: Path) -> None:
    write_parquet(
        folder,
        [{"images": [{"bytes": picture(n)}], "texts": [{"user": "What?", "assistant": f"picture {n}", "source": "x"}]}
         for n in range(COUNT)],
    )  # fmt: skip


def heic(folder: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    for number in range(COUNT):
        image = Image.open(io.BytesIO(picture(number)))
        pillow_heif.from_pillow(image).save(folder / f"{number:03d}.heic", quality=-1, chroma=444)
        (folder / f"{number:03d}.txt").write_text(f"picture {number}")


def names_that_begin_alike(folder: Path) -> None:
    write_images(folder, [f"img_{name}" for name in NAMES])
    (folder / "captions").mkdir()
    for number, name in enumerate(NAMES):
        (folder / "captions" / f"caption_{Path(name).stem}.txt").write_text(f"picture {number}")
    (folder / "captions" / "README.txt").write_text("what this is")


def img2dataset(folder: Path, *, packed: bool) -> None:
    """Its log of a shard lies beside it, and holds pictures that could not be fetched."""
    rows = []
    for number in range(COUNT):
        about = {"uid": f"{number:032x}", "caption": f"picture {number}", "key": f"{number:09d}", "status": "success"}
        rows += [about, about | {"uid": f"f{number:031x}", "key": f"{number:08d}x", "status": "failed_to_download"}]
        (folder / "00000").mkdir(exist_ok=True)
        for suffix, content in (("png", picture(number)), ("txt", about["caption"].encode()),
                                ("json", json.dumps(about).encode())):  # fmt: skip
            (folder / "00000" / f"{about['key']}.{suffix}").write_bytes(content)
    if packed:
        with tarfile.open(folder / "00000.tar", "w") as archive:
            for path in sorted((folder / "00000").iterdir()):
                archive.add(path, path.name)
        shutil.rmtree(folder / "00000")
    write_parquet(folder, rows)
    (folder / "rows.parquet").rename(folder / "00000.parquet")
    (folder / "00000_stats.json").write_text('{"count": 24, "successes": 12}')


def files_of_img2dataset(folder: Path) -> None:
    img2dataset(folder, packed=False)


def shards_of_img2dataset(folder: Path) -> None:
    img2dataset(folder, packed=True)


def lists_under_names_of_splits(folder: Path) -> None:
    write_images(folder, NAMES)
    rows = [{"id": number, "report": f"picture {number}", "image_path": [NAMES[number]]} for number in range(COUNT)]
    (folder / "annotation.json").write_text(json.dumps({"train": rows[:8], "val": rows[8:10], "test": rows[10:]}))


def records_under_names(folder: Path) -> None:
    write_images(folder, NAMES)
    records = {f"/mine/{Path(name).stem}": {"caption": f"picture {number}"} for number, name in enumerate(NAMES)}
    (folder / "meta_cap.json").write_text(json.dumps(records))


def images_with_captions_in_json(folder: Path) -> None:
    write_images(folder, NAMES)
    images = [{"file_name": name, "caption": f"picture {number}"} for number, name in enumerate(NAMES)]
    (folder / "captions.json").write_text(json.dumps({"images": images}))


def metadata_beside_an_archive(folder: Path) -> None:
    with zipfile.ZipFile(folder / "train.zip", "w") as archive:
        for number, name in enumerate(NAMES):
            archive.writestr(name, picture(number))
    rows = [json.dumps({"file_name": name, "text": f"picture {number}"}) for number, name in enumerate(NAMES)]
    (folder / "metadata.jsonl").write_text("\n".join(rows))


def folders_that_programs_make(folder: Path) -> None:
    write_images(folder, NAMES)
    for number, name in enumerate(NAMES):
        (folder / "images" / name).with_suffix(".txt").write_text(f"picture {number}")
    for aside in (".ipynb_checkpoints", "@eaDir"):
        (folder / "images" / aside).mkdir()
        (folder / "images" / aside / "000.png").write_bytes(picture(5))
        (folder / "images" / aside / "001-checkpoint.txt").write_text("an old caption")


def names_without_suffix_and_no_header(folder: Path) -> None:
    write_images(folder, [f"ROCO_{name}" for name in NAMES])
    rows = [f"ROCO_{Path(name).stem}\tpicture {number}" for number, name in enumerate(NAMES)]
    (folder / "captions.txt").write_text("\n".join(rows))


def questions_before_captions(folder: Path) -> None:
    write_images(folder, NAMES)
    rows = [{"image": name, "prefix": "describe what you see in this picture", "suffix": f"picture {number}"}
            for number, name in enumerate(NAMES)]  # fmt: skip
    (folder / "annotations.jsonl").write_text("\n".join(map(json.dumps, rows)))


def phrases_marked_as_entities(folder: Path) -> None:
    write_images(folder, NAMES)
    for number, name in enumerate(NAMES):
        (folder / "images" / name).with_suffix(".txt").write_text(f"[/EN#{number}/other/scene picture] {number}")


def settings_and_labels_beside_a_table(folder: Path) -> None:
    write_images(folder, NAMES)
    write_table(folder, NAMES)
    (folder / "config.json").write_text('{"model": {"width": 8}, "steps": 3}')
    (folder / "attributes.csv").write_text("".join(["image,label\n", *(f"{name},3\n" for name in NAMES)]))


FORMS = (
    settings_and_labels_beside_a_table,
    parts_of_a_table, a_table_in_a_folder_of_each_split, texts_whose_names_have_a_tail,
    a_zip_alone_in_a_folder_made_on_a_mac, missing_values_spelled_out, some_pictures_without_captions_in_a_shard,
    packed_table, packed_lines, other_case_of_suffixes, other_case_of_names, numbers_without_zeros, addresses,
    packed_in_other_ways, base64_in_a_table_of_text, data_addresses, the_cache_of_datasets, feather,
    pictures_in_lists_with_turns, heic, names_that_begin_alike, files_of_img2dataset, shards_of_img2dataset,
    lists_under_names_of_splits, records_under_names, images_with_captions_in_json, metadata_beside_an_archive,
    folders_that_programs_make, names_without_suffix_and_no_header, questions_before_captions,
    phrases_marked_as_entities, structs_that_name_files, base64_in_parquet,
    conversations, coco_with_its_other_files, a_split_called_all,
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
            found[split.items["text"][text]] = 10 * round(float(split.items["image"][image, 0].float().mean()) / 10)
    assert found == {f"picture {number}": 20 * number for number in range(COUNT)}


def test_a_number_is_never_taken_for_another_where_one_name_is_there(tmp_path: Path) -> None:
    write_images(tmp_path, ["1.png", "2.png", "003.png"])
    write_table(tmp_path, ["1.png", "2.png", "3.png"])
    with pytest.raises(DataError, match=r"image '3.png' is missing"):
        load(PairsOptions(annotations=(str(tmp_path / "list.csv"),), size=8), tmp_path / "store")


def test_a_list_as_numpy_prints_it_holds_its_texts_apart(tmp_path: Path) -> None:
    write_images(tmp_path, NAMES)
    rows = [f"{name},\"['picture {number}'\n 'the same']\"" for number, name in enumerate(NAMES)]
    (tmp_path / "list.csv").write_text("\n".join(["image,caption", *rows]))
    splits = read(tmp_path, tmp_path / "store").splits.values()
    texts = [text for split in splits for text in split.items["text"]]
    assert sorted(texts) == sorted([*(f"picture {number}" for number in range(COUNT)), *["the same"] * COUNT])

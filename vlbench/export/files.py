"""Folders that other tools load by one line: imagefolder, webdataset, parquet, open_clip's table, DataComp's uids."""

from __future__ import annotations

import csv
import io
import json
import re
import tarfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from vlbench.analysis.finished import Finished
from vlbench.errors import DataError
from vlbench.export.pairs import ExportedPair, drawn, exported_pairs, png
from vlbench.files import write_whole

SHARD = 1_000
"""Samples in a tar file."""
_UID = re.compile(r"[0-9a-f]{32}")


def with_pictures(run: Finished) -> Iterator[tuple[str, ExportedPair, bytes]]:
    """A key, a pair and its picture as PNG, for every pair that is exported.

    Raises:
        DataError: the first side has no pictures, or the second no texts.
    """
    first, second = run.session.dataset.sides
    shown = drawn(run, first)
    if shown is None or not isinstance(run.session.dataset.split("train").items[second], list):
        raise DataError(
            f"{run.record.id}: its {first} and {second} items are no pictures with texts. Export them as a table "
            f"(--format table), or as uids."
        )
    digits = len(str(10 * len(shown)))
    for number, pair in enumerate(exported_pairs(run)):
        yield f"{number:0{digits}d}", pair, png(shown[pair.number])


def _about(pair: ExportedPair) -> dict[str, Any]:
    """Where a pair comes from."""
    name = next(iter(pair.items.values()))
    return {"pair": pair.number, "name": name or None, "train_pair": pair.train_pair}


def write_imagefolder(run: Finished, target: Path) -> list[str]:
    """``metadata.csv`` with ``file_name`` and ``text``, and the pictures, as ``datasets`` reads them."""
    content = io.StringIO()
    table = csv.writer(content)
    table.writerow(["file_name", "text", "pair", "name", "train_pair"])
    for key, pair, picture in with_pictures(run):
        write_whole(target / "images" / f"{key}.png", picture)
        about = _about(pair)
        table.writerow([f"images/{key}.png", pair.text, *(about[name] for name in ("pair", "name", "train_pair"))])
    write_whole(target / "metadata.csv", content.getvalue().encode())
    return [f'datasets.load_dataset("imagefolder", data_dir={str(target)!r}, split="train")']


def write_webdataset(run: Finished, target: Path) -> list[str]:
    """Tar shards of ``KEY.png``, ``KEY.txt`` and ``KEY.json``, 1,000 samples each."""
    samples = with_pictures(run)
    shards = 0
    while some := list(islice(samples, SHARD)):
        write_whole(target / f"{shards:05d}.tar", _shard(some))
        shards += 1
    pattern = str(target / f"{{00000..{shards - 1:05d}}}.tar")
    return [f'webdataset.WebDataset({pattern!r}, shardshuffle=False).decode("pil").to_tuple("png", "txt")']


def _shard(samples: Sequence[tuple[str, ExportedPair, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for key, pair, picture in samples:
            parts = {"png": picture, "txt": pair.text.encode(), "json": json.dumps(_about(pair)).encode()}
            for suffix, content in parts.items():
                member = tarfile.TarInfo(f"{key}.{suffix}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


COLUMNS = {"image": "Image", "text": "string", "pair": "int64", "name": "string", "train_pair": "int64"}
"""Of the parquet file -> their types, as ``datasets`` calls them."""


def write_parquet(run: Finished, target: Path, name: str = "train.parquet") -> list[str]:
    """One parquet file with the columns ``image`` (with its bytes), ``text``, ``pair``, ``name`` and ``train_pair``."""
    import pyarrow
    from pyarrow import parquet

    rows = [
        {"image": {"bytes": picture, "path": f"{key}.png"}, "text": pair.text, **_about(pair)}
        for key, pair, picture in with_pictures(run)
    ]
    image = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    types = {column: image if kind == "Image" else pyarrow.type_for_alias(kind) for column, kind in COLUMNS.items()}
    features = {
        column: {"_type": "Image"} if kind == "Image" else {"dtype": kind, "_type": "Value"}
        for column, kind in COLUMNS.items()
    }
    # What datasets writes itself, so that the column is loaded as pictures.
    schema = pyarrow.schema(types, metadata={"huggingface": json.dumps({"info": {"features": features}})})
    buffer = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows, schema=schema), buffer)
    write_whole(target / name, buffer.getvalue())
    return [f'datasets.load_dataset("parquet", data_files={str(target / name)!r}, split="train")']


def write_openclip(run: Finished, target: Path) -> list[str]:
    """``train.tsv`` with the columns ``filepath`` and ``title``, which are open_clip's defaults, and the pictures."""
    lines = []
    for key, pair, picture in with_pictures(run):
        write_whole(target / "images" / f"{key}.png", picture)
        lines.append([str(target / "images" / f"{key}.png"), " ".join(pair.text.split())])
    content = io.StringIO()
    table = csv.writer(content, delimiter="\t", lineterminator="\n")
    table.writerows([["filepath", "title"], *lines])
    write_whole(target / "train.tsv", content.getvalue().encode())
    flags = '--dataset-type csv --csv-img-key filepath --csv-caption-key title --csv-separator "\\t"'
    return [f"python -m open_clip_train.main --train-data {target / 'train.tsv'} {flags}"]


def write_uids(run: Finished, target: Path) -> list[str]:
    """``uids.npy``, sorted: each uid's 32 hexadecimal digits as two numbers of 64 bits (DataComp's subset files).

    Raises:
        DataError: the pairs are not real, or their names are no uids.
    """
    if run.record.family == "distillation":
        raise DataError(f"{run.record.id}: learned pairs have no uids. Export them as another --format.")
    names = [next(iter(pair.items.values())) for pair in exported_pairs(run)]
    wrong = [name for name in names if not _UID.fullmatch(name)]
    if wrong:
        raise DataError(
            f"{run.record.id}: {len(wrong)} of {len(names)} names are no uids of 32 hexadecimal digits, such as "
            f"{wrong[0]!r}. Datasets with uids are shards of img2dataset and features of DataComp; the names of "
            f"others are in --format table."
        )
    halves = sorted({(int(name[:16], 16), int(name[16:], 16)) for name in names})
    buffer = io.BytesIO()
    np.save(buffer, np.array(halves, np.dtype("u8,u8")))
    write_whole(target / "uids.npy", buffer.getvalue())
    return [f"python resharder.py --subset-file {target / 'uids.npy'} ...  # DataComp's resharder"]

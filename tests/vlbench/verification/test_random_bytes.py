"""Random damage to every kind of file that is read, for some seconds: a value or one of vlbench's own errors.

``VLBENCH_RANDOM_S`` seconds in all, 15 without it. A failure names the seed of its try, and
``VLBENCH_RANDOM_SEED=that`` repeats it first.
"""

from __future__ import annotations

import io
import json
import os
import random
import shutil
import struct
import tarfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import vlbench
from vlbench.board.picture import read_preview
from vlbench.cache import Cache
from vlbench.cli.main import main
from vlbench.data.folders import remembered_folder
from vlbench.data.pictures import open_picture, to_rgb
from vlbench.disk.sums import read_sums, sums_text
from vlbench.disk.tensors import read_tensors, write_tensors
from vlbench.errors import VlbenchError
from vlbench.init.recognise import recognised
from vlbench.protocol.load import load_protocol
from vlbench.records.evidence import origin_of, read_evidence
from vlbench.records.ranks import read_ranks
from vlbench.records.record import read_record
from vlbench.registry.loader import load_registry, try_plugins
from vlbench.registry.options import parse_options
from vlbench.registry.specs import resolve
from vlbench.verification.submit import submit
from vlbench.verification.verify import verify

from .conftest import Claims

SECONDS = float(os.environ.get("VLBENCH_RANDOM_S", "15"))
SEED = int(os.environ.get("VLBENCH_RANDOM_SEED", "0"))
PATIENCE_S = 20.0
"""A reader that takes longer hangs."""
WORDS = (
    b"NaN", b"Infinity", b"-1", b"1e999", b"9" * 5000, b"[" * 3000, b'{"a":' * 3000, b"null", b"true", b'""', b"\x00",
    b"\xff\xfe", b"\xef\xbb\xbf", "\u2028\x85\x0b\x1c".encode(), b"../../etc/passwd", b"\r", b"\t", b"\"", b"|", b",",
    b"0", b"e" * 100_000, "\u202ename".encode(), b"\xed\xa0\x80", b"-0.0", b"99999999999999999999", b"2147483648",
)  # fmt: skip


@dataclass(frozen=True)
class Reader:
    """A file and what reads it."""

    path: Path
    read: Callable[[], object]


def broken(content: bytes, draw: random.Random) -> bytes:
    """The content with one to four damages: single bytes, stretches, words that readers stumble on, or all anew."""
    if draw.random() < 0.05:
        return draw.randbytes(draw.randrange(400))
    made = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        at, length = draw.randrange(len(made) + 1), draw.choice((1, 2, 4, 8, 60, 1000))
        how = draw.choice(("flip", "byte", "cut", "truncate", "zero", "double", "word", "number", "noise"))
        if how == "flip" and at < len(made):
            made[at] ^= 1 << draw.randrange(8)
        elif how == "byte" and at < len(made):
            made[at] = draw.randrange(256)
        elif how == "cut":
            del made[at : at + length]
        elif how == "truncate":
            del made[at:]
        elif how == "zero":
            made[at : at + length] = bytes(len(made[at : at + length]))
        elif how == "double":
            made[at:at] = made[at : at + length]
        elif how == "word":
            made[at : at + draw.choice((0, 1, length))] = draw.choice(WORDS)
        elif how == "number":
            made[at : at + 4] = struct.pack("<i", draw.choice((-1, 0, 1, 2**31 - 1, draw.getrandbits(31))))
        else:
            made[at : at + length] = draw.randbytes(length)
    return bytes(made)


def picture(form: str, mode: str = "RGB", colour: int = 7) -> bytes:
    """A small picture that differs by colour."""
    stream = io.BytesIO()
    Image.new("L", (9, 7), colour * 20 % 256).convert(mode).save(stream, form)
    return stream.getvalue()


NAMES = [f"p{number}.png" for number in range(12)]
TEXTS = [f"a shape of kind {number}" for number in range(12)]


def captions(folder: Path) -> dict[str, Path]:
    """Annotations in every form, of the pictures in ``pictures``."""
    images = folder / "pictures"
    images.mkdir()
    for number, name in enumerate(NAMES):
        (images / name).write_bytes(picture("PNG", colour=number))
    pairs = list(zip(NAMES, TEXTS, strict=True))
    rows = [{"image": name, "caption": text} for name, text in pairs]
    coco = {
        "images": [{"id": number, "file_name": name} for number, name in enumerate(NAMES)],
        "annotations": [{"id": n, "image_id": n, "caption": text} for n, text in enumerate(TEXTS)],
    }
    splits = ["train"] * 8 + ["val"] * 2 + ["test"] * 2
    karpathy = {"images": [{"filename": n, "split": s, "imgid": i, "sentences": [{"raw": t}]}
                           for i, ((n, t), s) in enumerate(zip(pairs, splits, strict=True))]}  # fmt: skip
    texts = {
        "rows.csv": "image,caption\n" + "".join(f"{name},{text}\n" for name, text in pairs),
        "pipes.csv": "image_name| comment_number| comment\n" + "".join(f"{n}| 0| {t}\n" for n, t in pairs),
        "rows.token": "".join(f"{name}#0\t{text}\n" for name, text in pairs),
        "rows.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "retrieval.json": json.dumps(rows),
        "coco.json": json.dumps(coco),
        "karpathy.json": json.dumps(karpathy),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    table = pa.table({"image": [{"bytes": picture("PNG", colour=n)} for n in range(12)], "caption": TEXTS})
    pq.write_table(table, folder / "rows.parquet")
    with tarfile.open(folder / "shard.tar", "w") as shard, zipfile.ZipFile(folder / "all.zip", "w") as archive:
        for number, text in enumerate(TEXTS):
            for kind, content in (("png", picture("PNG", colour=number)), ("txt", text.encode())):
                about = tarfile.TarInfo(f"{number:04}.{kind}")
                about.size = len(content)
                shard.addfile(about, io.BytesIO(content))
            archive.writestr(NAMES[number], picture("PNG", colour=number))
    return {name: folder / name for name in (*texts, "rows.parquet", "shard.tar", "all.zip")}


def readers_of_data(folder: Path) -> dict[str, Reader]:
    """Readers of a user's photographs, captions and features."""
    registry = load_registry()

    def dataset(name: str, **options: object) -> Callable[[], object]:
        spec = registry.get("dataset", name)

        def read() -> object:
            store = folder / "store"
            shutil.rmtree(store, ignore_errors=True)
            store.mkdir()
            return resolve(spec.target)(parse_options(spec.options, options, owner="a test"), store)

        return read

    files, images = captions(folder), str(folder / "pictures")
    found = {}
    for name, path in files.items():
        where = {} if name in ("rows.parquet", "shard.tar") else {"images": [images]}
        if name == "all.zip":
            where = {"annotations": [str(folder / "rows.csv")], "images": [str(path)]}
        options = {"annotations": [str(path)], "size": 8, **where}
        found[name] = Reader(path, dataset("pairs", **options))
        found[f"{name} with skip_bad"] = Reader(path, dataset("pairs", **options, skip_bad=True))
        found[f"{name} looked at"] = Reader(path, lambda path=path: recognised(registry, str(path)))
    features = folder / "features"
    for side, name in (("img_emb", "img_emb_0"), ("text_emb", "text_emb_0")):
        (features / side).mkdir(parents=True)
        np.save(features / side / name, np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32))
    np.savez(folder / "l14.npz", l14_img=np.ones((12, 4), np.float16), l14_txt=np.ones((12, 4), np.float16))
    whole = dataset("features", files=[str(features)])
    found["npy features"] = Reader(features / "img_emb" / "img_emb_0.npy", whole)
    found["npz features"] = Reader(folder / "l14.npz", dataset("features", files=[str(folder / "l14.npz")]))
    for form, mode in (("PNG", "RGBA"), ("JPEG", "RGB"), ("GIF", "P"), ("WEBP", "RGB"), ("TIFF", "I;16"), ("BMP", "1")):
        path = folder / f"one.{form}"
        path.write_bytes(picture(form, mode))
        found[form] = Reader(path, lambda path=path: to_rgb(open_picture(path.read_bytes(), "it"), "it"))
    return found


def board(runs: Path) -> None:
    done = CliRunner().invoke(main, ["leaderboard", str(runs), "--format", "markdown"])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception


def readers_of_runs(folder: Path, claims: Claims) -> dict[str, Reader]:
    """Readers of what lies in a folder of runs, in a cache, and in bundles."""
    registry, run = claims.verifier(), claims.distilled
    copy = folder / "runs" / run.name
    shutil.copytree(run, copy)
    (copy / "verification.json").write_text('{"record_sha256": "00", "badge": "rebuilt"}')
    (copy / "origin.json").write_text('{"manifest_sha256": "00"}')
    claim = submit(run, folder / "claim.zip")
    write_tensors(folder / "checkpoint.safetensors", {"state": torch.arange(9.0)}, {"spent_s": "1.5"})
    cache, key = Cache(folder / "cache"), {"k": 1}
    cache.store("features", key, {"a": torch.arange(50.0)})
    entry = cache.folder("features", key)
    suite = folder / "suite.toml"
    suite.write_text(registry.get("suite", "scenes-mini").read_text())
    (folder / "folders.json").write_text('{"mine": "/nowhere"}')
    plugin = folder / "random_plugin.py"
    plugin.write_text("import vlbench\n@vlbench.hookimpl\ndef vlbench_methods():\n    return []\n")
    sums = folder / "SHA256SUMS"
    sums.write_bytes(sums_text(run, ["record.json", "ranks.parquet"]))
    return {
        "record": Reader(copy / "record.json", lambda: read_record(copy)),
        "board": Reader(copy / "record.json", lambda: board(folder / "runs")),
        "board of ranks": Reader(copy / "ranks.parquet", lambda: board(folder / "runs")),
        "ranks": Reader(copy / "ranks.parquet", lambda: read_ranks(copy)),
        "artifact": Reader(copy / "artifact.safetensors", lambda: vlbench.load_artifact(copy)),
        "about": Reader(copy / "artifact.json", lambda: vlbench.load_artifact(copy)),
        "preview": Reader(copy / "preview.npy", lambda: read_preview(copy, 9)),
        "evidence": Reader(copy / "verification.json", lambda: read_evidence(copy)),
        "origin": Reader(copy / "origin.json", lambda: origin_of(copy)),
        "sums": Reader(sums, lambda: read_sums(folder)),
        "claim": Reader(claim, lambda: verify(claim, registry=registry, retrain=False)),
        "checkpoint": Reader(
            folder / "checkpoint.safetensors", lambda: read_tensors(folder / "checkpoint.safetensors")
        ),
        "cache": Reader(entry / "data.safetensors", lambda: cache.load("features", key)),
        "cache's key": Reader(entry / "key.json", lambda: cache.load("features", key)),
        "suite": Reader(suite, lambda: load_protocol(str(suite), registry)),
        "folders": Reader(folder / "folders.json", lambda: remembered_folder(folder, "mine")),
        "plugin": Reader(plugin, lambda: try_plugins([str(plugin)])),
    }


@pytest.fixture(scope="module")
def readers(claims: Claims, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    folder = tmp_path_factory.mktemp("random")
    (folder / "data").mkdir()
    return readers_of_data(folder / "data") | readers_of_runs(folder, claims)


def tried(reader: Reader, content: bytes) -> str:
    """What is wrong with the answer to a content; "" where it is a value or an expected error."""
    reader.path.parent.mkdir(parents=True, exist_ok=True)
    reader.path.write_bytes(content)
    began = time.monotonic()
    try:
        reader.read()
    except VlbenchError:
        pass
    except BaseException as error:
        return f"{type(error).__name__}: {error}"[:300]
    return f"{PATIENCE_S:g} s passed" if time.monotonic() - began > PATIENCE_S else ""


def test_every_reader_answers_random_bytes_with_a_value_or_its_own_error(
    readers: dict[str, Reader], capfd: pytest.CaptureFixture[str]
) -> None:
    before = {name: reader.path.read_bytes() for name, reader in readers.items()}
    deadline, number, wrong = time.monotonic() + SECONDS, SEED, {}
    while time.monotonic() < deadline:
        for name, reader in readers.items():
            draw = random.Random(f"{number} {name}")
            found = tried(reader, broken(before[name], draw))
            if found:
                wrong.setdefault(name, f"{name}, VLBENCH_RANDOM_SEED={number}: {found}")
            reader.path.parent.mkdir(parents=True, exist_ok=True)
            reader.path.write_bytes(before[name])
        number += 1
    capfd.readouterr()
    assert number - SEED > 2 or SECONDS < 5
    assert not wrong, "\n".join(wrong.values())

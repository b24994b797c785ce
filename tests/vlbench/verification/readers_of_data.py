"""Readers of what a user brings: photographs, captions in every form, features, video and sound, weights."""

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from pyarrow import feather
from safetensors.torch import save

from vlbench.data.pictures import open_picture, to_rgb
from vlbench.encoders.timm_encoder import _read_state
from vlbench.init.recognise import recognised
from vlbench.registry.loader import load_registry
from vlbench.registry.options import parse_options
from vlbench.registry.specs import resolve

NAMES = [f"p{number}.png" for number in range(12)]
TEXTS = [f"a shape of kind {number}" for number in range(12)]


@dataclass(frozen=True)
class Reader:
    """A file and what reads it."""

    path: Path
    read: Callable[[], object]


def picture(form: str, mode: str = "RGB", colour: int = 7) -> bytes:
    """A small picture that differs by colour."""
    stream = io.BytesIO()
    Image.new("L", (9, 7), colour * 20 % 256).convert(mode).save(stream, form)
    return stream.getvalue()


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
    spelled = [base64.b64encode(picture("PNG", colour=number)).decode() for number in range(12)]
    texts = {
        "rows.csv": "image,caption\n" + "".join(f"{name},{text}\n" for name, text in pairs),
        "unknown.csv": "one,two\n" + "".join(f"{text},{text}\n" for text in TEXTS),
        "pipes.csv": "image_name| comment_number| comment\n" + "".join(f"{n}| 0| {t}\n" for n, t in pairs),
        "rows.token": "".join(f"{name}#0\t{text}\n" for name, text in pairs),
        "rows.jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "spelled.jsonl": "".join(
            json.dumps({"image": content, "caption": text}) + "\n" for content, text in zip(spelled, TEXTS, strict=True)
        ),
        "retrieval.json": json.dumps(rows),
        "coco.json": json.dumps(coco),
        "karpathy.json": json.dumps(karpathy),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    packers: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}
    packers["zst"] = lambda content: pa.compress(content, "zstd", asbytes=True)
    for suffix, pack in packers.items():
        (folder / f"rows.csv.{suffix}").write_bytes(pack(texts["rows.csv"].encode()))
    tables = _tables(folder)
    archives = _archives(folder)
    return {name: folder / name for name in (*texts, *(f"rows.csv.{suffix}" for suffix in packers), *tables, *archives)}


def _tables(folder: Path) -> list[str]:
    table = pa.table({"image": [{"bytes": picture("PNG", colour=n)} for n in range(12)], "caption": TEXTS})
    pq.write_table(table, folder / "rows.parquet")
    feather.write_feather(table, folder / "rows.feather", compression="uncompressed")
    with pa.OSFile(str(folder / "rows.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as stream:
        stream.write_table(table)
    return ["rows.parquet", "rows.feather", "rows.arrow"]


def _archives(folder: Path) -> list[str]:
    samples = folder / "samples"
    samples.mkdir()
    with (
        tarfile.open(folder / "shard.tar", "w") as shard,
        tarfile.open(folder / "shard.tar.gz", "w:gz") as packed,
        zipfile.ZipFile(folder / "all.zip", "w") as archive,
    ):
        for number, text in enumerate(TEXTS):
            for kind, content in (("png", picture("PNG", colour=number)), ("txt", text.encode())):
                about = tarfile.TarInfo(f"{number:04}.{kind}")
                about.size = len(content)
                shard.addfile(about, io.BytesIO(content))
                packed.addfile(about, io.BytesIO(content))
                (samples / about.name).write_bytes(content)
            archive.writestr(NAMES[number], picture("PNG", colour=number))
    return ["shard.tar", "shard.tar.gz", "all.zip"]


Dataset = Callable[..., Callable[[], object]]


def readers_of_data(folder: Path) -> dict[str, Reader]:
    """Readers of a user's photographs, captions, features, clips and weights."""
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
        whole = name.startswith(("shard", "spelled")) or path.suffix in (".parquet", ".feather", ".arrow")
        where = {} if whole else {"images": [images]}
        if name == "all.zip":
            where = {"annotations": [str(folder / "rows.csv")], "images": [str(path)]}
        options = {"annotations": [str(path)], "size": 8, **where}
        found[name] = Reader(path, dataset("pairs", **options))
        found[f"{name} with skip_bad"] = Reader(path, dataset("pairs", **options, skip_bad=True))
        found[f"{name} looked at"] = Reader(path, lambda path=path: recognised(registry, str(path)))
    samples = dataset("pairs", annotations=[str(folder / "samples")], size=8)
    found["a text beside a picture"] = Reader(folder / "samples" / "0003.txt", samples)
    lists = {split: folder / f"{split}.txt" for split in ("train", "val", "test")}
    for split, some in zip(lists, (NAMES[:8], NAMES[8:10], NAMES[10:]), strict=True):
        lists[split].write_text("\n".join(some))
    asked = [f"{split}={path}" for split, path in lists.items()]
    looked = folder / "looked"
    shutil.copytree(images, looked)
    for path in (*lists.values(), files["rows.csv"]):
        shutil.copy(path, looked)
    found["a folder looked at"] = Reader(looked / "val.txt", lambda: recognised(registry, str(looked)))
    rows = str(folder / "rows.csv")
    found["a list of a split"] = Reader(
        lists["val"], dataset("pairs", annotations=[rows], images=[images], splits=asked, size=8)
    )
    for form, mode in (("PNG", "RGBA"), ("JPEG", "RGB"), ("GIF", "P"), ("WEBP", "RGB"), ("TIFF", "I;16"), ("BMP", "1")):
        path = folder / f"one.{form}"
        path.write_bytes(picture(form, mode))
        found[form] = Reader(path, lambda path=path: to_rgb(open_picture(path.read_bytes(), "it"), "it"))
    return found | _features(folder, dataset) | _media(folder, dataset) | _weights(folder)


def _features(folder: Path, dataset: Dataset) -> dict[str, Reader]:
    features = folder / "features"
    values = np.random.default_rng(0).normal(size=(12, 4)).astype(np.float32)
    for side, name in (("img_emb", "img_emb_0"), ("text_emb", "text_emb_0")):
        (features / side).mkdir(parents=True)
        np.save(features / side / name, values)
    (features / "metadata").mkdir()
    pq.write_table(pa.table({"image_path": NAMES, "caption": TEXTS}), features / "metadata" / "metadata_0.parquet")
    np.savez(folder / "l14.npz", l14_img=np.ones((12, 4), np.float16), l14_txt=np.ones((12, 4), np.float16))
    columns = {"image_embedding": list(values), "text_embedding": list(values), "caption": TEXTS}
    pq.write_table(pa.table(columns), folder / "vectors.parquet")
    whole, keys = dataset("features", files=[str(features)]), {"image": "image_embedding", "text": "text_embedding"}
    return {
        "npy features": Reader(features / "img_emb" / "img_emb_0.npy", whole),
        "metadata of features": Reader(features / "metadata" / "metadata_0.parquet", whole),
        "npz features": Reader(folder / "l14.npz", dataset("features", files=[str(folder / "l14.npz")])),
        "parquet features": Reader(
            folder / "vectors.parquet", dataset("features", files=[str(folder / "vectors.parquet")], **keys)
        ),
    }


def _clip(path: Path) -> None:
    """Half a second of grey frames, and of a tone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        sound = container.add_stream("aac", rate=16_000, layout="mono")
        for level in range(5):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 40 * level, np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        tone = np.sin(np.arange(8_000) / 9)[None].astype(np.float32)
        heard = av.AudioFrame.from_ndarray(tone, format="fltp", layout="mono")
        heard.sample_rate = 16_000
        container.mux(sound.encode(heard))
        container.mux(sound.encode())


def _wav(path: Path) -> None:
    import wave

    with wave.open(str(path), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16_000)
        file.writeframes((np.sin(np.arange(4_000) / 9) * 9_000).astype("<i2").tobytes())


def _media(folder: Path, dataset: Dataset) -> dict[str, Reader]:
    clips, sounds = folder / "clips", folder / "sounds"
    clips.mkdir()
    sounds.mkdir()
    for number in range(4):
        _clip(clips / f"c{number}.mp4")
        (clips / f"c{number}.txt").write_text(TEXTS[number])
        _wav(sounds / f"s{number}.wav")
    rows = [{"file": f"s{number}.wav", "caption": TEXTS[number]} for number in range(4)]
    (sounds / "rows.csv").write_text("file,caption\n" + "".join(f"{row['file']},{row['caption']}\n" for row in rows))
    (sounds / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    small: dict[str, Any] = {"frames": 2, "size": 16, "seconds": 0.25}
    seen = dataset("media", root=str(clips), **small)
    heard = {
        form: dataset("media", root=str(sounds), table=f"rows.{form}", sides=["audio", "text"], **small)
        for form in ("csv", "jsonl")
    }
    return {
        "a video": Reader(clips / "c1.mp4", seen),
        "a text beside a video": Reader(clips / "c1.txt", seen),
        "a sound": Reader(sounds / "s1.wav", heard["csv"]),
        "a table of sounds": Reader(sounds / "rows.csv", heard["csv"]),
        "lines of sounds": Reader(sounds / "rows.jsonl", heard["jsonl"]),
    } | _published_clips(folder, dataset)


def _published_clips(folder: Path, dataset: Dataset) -> dict[str, Reader]:
    """Annotations as they are published, which are read before any clip is."""
    moments = [{"video": f"v{n}.mp4", "description": TEXTS[n], "times": [[0, 1], [0, 1]]} for n in range(3)]
    numbered = ",".join(f"caption_{n}" for n in range(1, 6))
    texts = {
        "didemo": {f"{split}_data.json": json.dumps(moments) for split in ("train", "val", "test")},
        "audiocaps": {
            f"{split}.csv": "audiocap_id,youtube_id,start_time,caption\n1,abc,30,a bell\n"
            for split in ("train", "val", "test")
        },
        "clotho": {
            f"clotho_captions_{split}.csv": f"file_name,{numbered}\na.wav,one,two,three,four,five\n"
            for split in ("development", "validation", "evaluation")
        },
    }
    found = {}
    for name, content in texts.items():
        root = folder / name
        root.mkdir()
        for file, text in content.items():
            (root / file).write_text(text)
        found[name] = Reader(root / next(iter(content)), dataset(name, root=str(root)))
    return found


def _weights(folder: Path) -> dict[str, Reader]:
    """Weights of an encoder, as strangers publish them."""
    state = {"head.weight": torch.ones(3, 4), "head.bias": torch.zeros(3)}
    (folder / "weights.safetensors").write_bytes(save(state))
    torch.save({"state_dict": state}, folder / "weights.pth")
    paths = (folder / "weights.safetensors", folder / "weights.pth")
    return {path.name: Reader(path, lambda path=path: _read_state(path)) for path in paths}
